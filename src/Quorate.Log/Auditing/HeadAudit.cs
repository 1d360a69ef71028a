using System.Security.Cryptography;
using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Crypto;
using Quorate.Log.Tiles;

namespace Quorate.Log.Auditing;

/// <summary>
/// The signed heads of a Quorate log, in order: each is signed, has one map-history leaf more than the one before, and the map-history root of those
/// leaves. Whether its log root and map root are right is for the caller, who has the entries.
/// </summary>
sealed class HeadAudit : IDisposable
{
    const int MaxHeadJson = 4 << 10;

    readonly ITileSource _source;
    readonly Ed25519PublicKey _key;
    readonly ulong _count;
    readonly MerkleTree _mapHistory = new();
    readonly TileBuffer _buffer = new();
    readonly IncrementalHash _records = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly AuditedHeads _earlier;
    LogHead[] _bundle = [];
    LogHead? _before;
    ulong _next;

    HeadAudit(ITileSource source, Ed25519PublicKey key, ulong count, AuditedHeads earlier) =>
        (_source, _key, _count, _earlier) = (source, key, count, earlier);

    /// <summary>The next head that was not taken; null behind the last one.</summary>
    internal LogHead? Current { get; private set; }

    internal ulong Taken => _next;

    /// <summary>The bundle that the current head is in.</summary>
    internal string Path => PathOf(_next);

    /// <summary>The heads that were taken, for a later audit to compare.</summary>
    internal AuditedHeads Audited => new(_next, Digest());

    /// <summary>Null for a log that is not a Quorate log: it has no object <c>head</c>.</summary>
    /// <param name="earlier">Heads that an earlier audit took: as far as they are there, they must be the same.</param>
    /// <exception cref="BadObjectException"/>
    /// <exception cref="TileSourceException">The newest head is older than the checkpoint, which nobody who serves both from one log has for long.</exception>
    internal static async Task<HeadAudit?> OpenAsync(
        ITileSource source,
        Ed25519PublicKey? key,
        AuditedHeads earlier,
        ulong checkpointSize,
        CancellationToken cancellationToken
    )
    {
        var buffer = new TileBuffer();
        var read = await source.ReadAsync("head", buffer, MaxHeadJson, cancellationToken);
        if (read == TileRead.Absent || key is null)
        {
            return earlier.Count == 0
                ? null
                : throw new BadObjectException("head", "is missing, but was there when the log was audited before");
        }
        if (read == TileRead.TooLong || !TryRead(buffer.Bytes, out var size, out var count) || count == 0)
        {
            throw new BadObjectException("head", "is not the JSON of a head with at least one map-history leaf");
        }
        if (size < checkpointSize)
        {
            throw new TileSourceException($"head is of {size} entries, older than the checkpoint of {checkpointSize}; try again later");
        }
        var audit = new HeadAudit(source, key, count, earlier);
        await audit.LoadAsync(cancellationToken);
        return audit;
    }

    /// <summary>Goes on to the next head.</summary>
    /// <exception cref="BadObjectException"/>
    internal async ValueTask TakeAsync(CancellationToken cancellationToken)
    {
        var record = (int)(_next % TileNumber.FullWidth) * HeadRecordBundle.RecordSize;
        _records.AppendData(_buffer.Bytes.Slice(record, HeadRecordBundle.RecordSize));
        var path = Path;
        _before = Current;
        _next++;
        if (_next == _earlier.Count && Digest() != _earlier.Digest)
        {
            throw new BadObjectException(path, $"the first {_next} heads are not those that were audited before");
        }
        await LoadAsync(cancellationToken);
    }

    public void Dispose() => _records.Dispose();

    Sha256Digest Digest() => new(_records.GetCurrentHash());

    async ValueTask LoadAsync(CancellationToken cancellationToken)
    {
        Current = null;
        if (_next == _count)
        {
            return;
        }
        if (_next % TileNumber.FullWidth == 0)
        {
            await ReadBundleAsync(cancellationToken);
        }
        var head = _bundle[_next % TileNumber.FullWidth];
        _mapHistory.Append(TreeHash.Leaf(head.MapRoot.AsSpan()));
        if (head.MhTreeSize != _next + 1 || head.MhRoot != _mapHistory.Root(_next + 1))
        {
            throw new BadObjectException(Path, $"head {_next} does not have the map-history root of the heads up to it");
        }
        if (head.TreeSize < (_before?.TreeSize ?? 0))
        {
            throw new BadObjectException(Path, $"head {_next} is of a smaller tree than the one before");
        }
        Current = head;
    }

    async ValueTask ReadBundleAsync(CancellationToken cancellationToken)
    {
        var path = PathOf(_next);
        var width = TileLayout.At(0, _next / TileNumber.FullWidth, _count).Width;
        switch (await _source.ReadAsync(path, _buffer, TileNumber.FullWidth * HeadRecordBundle.RecordSize, cancellationToken))
        {
            case TileRead.Absent:
                throw new BadObjectException(path, "is missing");
            case TileRead.TooLong:
                throw new BadObjectException(path, "is longer than 256 heads");
        }
        if (!HeadRecordBundle.TryRead(_buffer.Bytes, width, out _bundle))
        {
            throw new BadObjectException(path, $"is not a bundle of {width} heads");
        }
        var verified = Parallel.For(
            0,
            width,
            (i, loop) =>
            {
                if (!_bundle[i].Verify(_key).IsVerified)
                {
                    loop.Break();
                }
            }
        );
        if (verified.LowestBreakIteration is { } bad)
        {
            throw new BadObjectException(path, $"head {_next + (ulong)bad} is not signed by the log's key");
        }
    }

    string PathOf(ulong number) => $"heads/{TileLayout.At(0, Math.Min(number, _count - 1) / TileNumber.FullWidth, _count)}";

    static bool TryRead(ReadOnlySpan<byte> json, out ulong size, out ulong count)
    {
        (size, count) = (0, 0);
        try
        {
            using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 4 });
            return document.RootElement.ValueKind == JsonValueKind.Object
                && TryNumber(document.RootElement, "treeSize", out size)
                && TryNumber(document.RootElement, "mhTreeSize", out count);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    static bool TryNumber(JsonElement head, string name, out ulong number)
    {
        number = 0;
        return head.TryGetProperty(name, out var member)
            && member.ValueKind == JsonValueKind.Number
            && member.TryGetUInt64(out number)
            && number <= long.MaxValue;
    }
}
