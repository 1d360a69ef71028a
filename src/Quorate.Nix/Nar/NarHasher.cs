using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Quorate.Core;

namespace Quorate.Nix.Nar;

/// <summary>
/// SHA-256 and length of a byte stream, and the same hash modulo self-references: with every occurrence of the object's own hash part read as
/// zeros. Until the first occurrence both are one computation, so the second costs nothing for objects that do not refer to themselves.
/// Not thread-safe.
/// </summary>
public sealed class NarHasher : IByteSink, IDisposable
{
    /// <summary>An object that refers to itself more often than this is refused: the offsets are kept until the end.</summary>
    public const int MaxSelfReferences = 1 << 24;

    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly HashPartStream? _search;
    readonly byte[] _selfBytes = [];
    readonly List<ulong> _positions = [];
    IncrementalHash? _masked;
    bool _completed;

    /// <param name="self">The path whose hash part stands for a self-reference; null when only the plain hash is wanted.</param>
    public NarHasher(StorePath? self)
    {
        if (self is not null)
        {
            _selfBytes = Encoding.ASCII.GetBytes(self.HashPart);
            _search = new HashPartStream(new HashPartSet([self.HashPart]), new Cutter(this));
        }
    }

    /// <summary>Length in bytes.</summary>
    public ulong Size { get; private set; }

    /// <summary>Where the object refers to itself, ascending; complete after <see cref="Complete"/>.</summary>
    public IReadOnlyList<ulong> SelfReferences => _positions;

    /// <exception cref="MalformedException">More self-references than are kept.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_completed, this);
        Size += (ulong)bytes.Length;
        if (_search is null)
        {
            _hash.AppendData(bytes);
        }
        else
        {
            _search.Write(bytes);
        }
    }

    /// <summary>The stream is at its end; the hashes can be asked for.</summary>
    public void Complete()
    {
        if (!_completed)
        {
            _search?.Complete();
            _completed = true;
        }
    }

    /// <summary>SHA-256 of the stream.</summary>
    public Sha256Digest Hash => new(Completed(_hash).GetCurrentHash());

    /// <summary>SHA-256 of the stream modulo self-references: what a content-addressed path covers.</summary>
    public Sha256Digest Modulo(SelfReferenceEra era)
    {
        if (_masked is null)
        {
            return Hash;
        }
        if (era == SelfReferenceEra.WithoutPositions)
        {
            return new Sha256Digest(Completed(_masked).GetCurrentHash());
        }
        using var hash = Completed(_masked).Clone();
        var text = new StringBuilder();
        foreach (var position in _positions)
        {
            text.Append(CultureInfo.InvariantCulture, $"|{position}");
            if (text.Length > 1 << 16)
            {
                Flush();
            }
        }
        Flush();
        return new Sha256Digest(hash.GetCurrentHash());

        void Flush()
        {
            hash.AppendData(Encoding.ASCII.GetBytes(text.ToString()));
            text.Clear();
        }
    }

    public void Dispose()
    {
        _hash.Dispose();
        _masked?.Dispose();
    }

    IncrementalHash Completed(IncrementalHash hash) =>
        _completed ? hash : throw new InvalidOperationException("the stream is not at its end");

    sealed class Cutter(NarHasher hasher) : IHashPartVisitor
    {
        static readonly byte[] s_zeros = new byte[HashPartSet.Length];

        public void Plain(ReadOnlySpan<byte> bytes)
        {
            hasher._hash.AppendData(bytes);
            hasher._masked?.AppendData(bytes);
        }

        public void Found(ulong offset, int index)
        {
            if (hasher._positions.Count == MaxSelfReferences)
            {
                throw new MalformedException($"the object refers to itself more than {MaxSelfReferences} times");
            }
            hasher._positions.Add(offset);
            hasher._masked ??= hasher._hash.Clone();
            hasher._hash.AppendData(hasher._selfBytes);
            hasher._masked.AppendData(s_zeros);
        }
    }
}
