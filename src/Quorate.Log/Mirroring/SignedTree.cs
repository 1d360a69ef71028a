using Quorate.Core;
using Quorate.Crypto;

namespace Quorate.Log;

/// <summary>What a log's key signed about its tree: the one thing that can contradict another of its kind.</summary>
public abstract record SignedTree
{
    SignedTree() { }

    public abstract ulong TreeSize { get; }

    public abstract Sha256Digest LogRoot { get; }

    /// <summary>Whether the log with this key signed it.</summary>
    public abstract Verification Verify(Ed25519PublicKey key);

    public static implicit operator SignedTree(LogHead head) => new OfHead(head);

    /// <summary>A Trustix head, which also commits to map and map history.</summary>
    public sealed record OfHead(LogHead Head) : SignedTree
    {
        public override ulong TreeSize => Head.TreeSize;

        public override Sha256Digest LogRoot => Head.LogRoot;

        public override Verification Verify(Ed25519PublicKey key) => Head.Verify(key);
    }
}
