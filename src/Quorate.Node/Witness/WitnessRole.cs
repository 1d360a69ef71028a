using Quorate.Crypto.Keys;
using Quorate.Crypto.Notes;
using Quorate.Log;
using Quorate.Log.Witnessing;
using Quorate.Node.Configuration;
using Quorate.Node.Hosting;

namespace Quorate.Node.Witness;

/// <summary>This node's own witness with its key, for as long as the node runs: two at a time over one folder could contradict each other.</summary>
sealed class WitnessRole : IDisposable
{
    readonly Crypto.Ed25519PrivateKey _key;

    WitnessRole(WitnessRoleSection section, Crypto.Ed25519PrivateKey key, CheckpointWitness witness) =>
        (Section, _key, Witness) = (section, key, witness);

    public WitnessRoleSection Section { get; }

    public CheckpointWitness Witness { get; }

    /// <exception cref="StartException">Its key or its files cannot be used.</exception>
    public static WitnessRole Open(WitnessRoleSection section, StateDirectory state, TimeProvider time)
    {
        Crypto.Ed25519PrivateKey? key = null;
        try
        {
            key = KeyFiles.ReadPrivate(section.Signer.Path).Key;
            var witness = CheckpointWitness.Open(
                Path.Combine(state.Path, "witness"),
                new NoteCosigner(section.Name, key),
                section.Logs,
                time
            );
            return new WitnessRole(section, key, witness);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            key?.Dispose();
            throw new StartException($"witness: {e.Message}", e);
        }
    }

    public void Dispose() => _key.Dispose();
}
