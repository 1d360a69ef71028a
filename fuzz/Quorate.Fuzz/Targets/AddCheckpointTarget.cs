using Quorate.Core;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Fuzz.Targets;

/// <summary>What is read as a request to a witness is in its one spelling.</summary>
sealed class AddCheckpointTarget : IFuzzTarget
{
    public string Name => "add-checkpoint";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            using var key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)5, Ed25519PrivateKey.SeedSize)]);
            var root = Sha256Digest.HashData([1]);
            var text = new Checkpoint("log.example/a", 7, root).ToText();
            var note = SignedNote.Create(text, [new NoteSigner("log.example/a", key).Sign(text)]);
            yield return new AddCheckpointRequest(0, [], note).ToBytes();
            yield return new AddCheckpointRequest(3, [root, root], note).ToBytes();
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        if (AddCheckpointRequest.TryParse(input, out var request, out _))
        {
            FuzzException.ThrowUnless(input.SequenceEqual(request.ToBytes()), "accepted request is not canonical");
        }
    }
}
