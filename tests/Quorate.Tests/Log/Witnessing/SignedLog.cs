using System.Text;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Crypto.Notes;
using Quorate.Log.Tiles;
using Quorate.Log.Witnessing;

namespace Quorate.Tests.Log.Witnessing;

/// <summary>A log of nothing but a tree and a key, for asking witnesses.</summary>
sealed class SignedLog(string origin, string salt = "", byte seed = 3)
{
    public const string Origin = "log.example/logs/a";

    readonly Ed25519PrivateKey _key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat(seed, Ed25519PrivateKey.SeedSize)]);

    public SignedLog()
        : this(Origin) { }

    public MerkleTree Tree { get; } = Leaves(salt);

    public NoteVerifierKey Key => new NoteSigner(origin, _key).VerifierKey;

    public SignedNote Checkpoint(ulong size) => Sign(new Checkpoint(origin, size, Tree.Root(size)).ToText());

    public SignedNote Sign(byte[] text) => SignedNote.Create(text, [new NoteSigner(origin, _key).Sign(text)]);

    public byte[] Request(ulong old, ulong size) => Request(old, size, Tree.ConsistencyProof(old, size));

    public byte[] Request(ulong old, ulong size, IReadOnlyList<Sha256Digest> proof) =>
        new AddCheckpointRequest(old, proof, Checkpoint(size)).ToBytes();

    static MerkleTree Leaves(string salt)
    {
        var tree = new MerkleTree();
        for (var i = 0; i < 100; i++)
        {
            tree.Append(TreeHash.Leaf(Encoding.UTF8.GetBytes($"{salt}{i}")));
        }
        return tree;
    }
}
