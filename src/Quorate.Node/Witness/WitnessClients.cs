using Quorate.Log.Witnessing;
using Quorate.Node.Configuration;
using Quorate.Sources.Witnesses;

namespace Quorate.Node.Witness;

/// <summary>The HTTP clients of the witnesses that one log names. Dispose with the log.</summary>
sealed class WitnessClients(IEnumerable<WitnessSection> sections) : IDisposable
{
    readonly HttpWitness[] _clients = [.. sections.Select(s => new HttpWitness(s.Name, s.Key, s.Url, s.Monitor))];

    public IReadOnlyList<IWitness> Witnesses => _clients;

    public void Dispose()
    {
        foreach (var client in _clients)
        {
            client.Dispose();
        }
    }
}
