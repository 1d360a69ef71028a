using System.Globalization;
using System.Text;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Witnessing;

namespace Quorate.Tests.Log.Witnessing;

/// <summary>A real witness behind the port, which can be made to fail or to lie.</summary>
sealed class FakeWitness : IWitness, IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-witness-");
    readonly Ed25519PrivateKey _key;
    readonly CheckpointWitness _witness;

    public FakeWitness(byte seed, NoteVerifierKey log, TimeProvider time)
    {
        _key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(seed, Ed25519PrivateKey.SeedSize)]);
        _witness = CheckpointWitness.Open(_folder.FullName, new NoteCosigner(Name = $"w{seed}", _key), [log], time);
    }

    public string Name { get; }

    public NoteVerifierKey Key => _witness.Key;

    public CheckpointWitness Inner => _witness;

    /// <summary>Replaces the answer to a request.</summary>
    public Func<AddCheckpointRequest, WitnessReply>? OnAdd { get; set; }

    /// <summary>Shows monitors nothing.</summary>
    public bool IsSecretive { get; set; }

    public bool IsDown { get; set; }

    public bool Hangs { get; set; }

    public async Task<WitnessReply> AddAsync(AddCheckpointRequest request, CancellationToken cancellationToken)
    {
        if (Hangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        if (IsDown)
        {
            throw new WitnessException("connection refused");
        }
        if (OnAdd is not null)
        {
            return OnAdd(request);
        }
        var answer = _witness.Add(request.ToBytes());
        var text = Encoding.UTF8.GetString(answer.Body.Span);
        return answer.Status switch
        {
            200 => new WitnessReply.Cosigned([NoteSignature.Parse(answer.Body.Span[..^1])]),
            409 => new WitnessReply.Conflict(ulong.Parse(text.TrimEnd('\n'), CultureInfo.InvariantCulture)),
            _ => new WitnessReply.Refused(answer.Status, text),
        };
    }

    public Task<SignedNote?> LatestAsync(string origin, CancellationToken cancellationToken) =>
        Task.FromResult(IsSecretive ? null : _witness.Latest(CheckpointWitness.HashOf(origin)));

    public void Dispose()
    {
        _key.Dispose();
        _folder.Delete(recursive: true);
    }
}
