using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;
using Quorate.Crypto.Notes;
using Quorate.Log.Auditing;
using Quorate.Log.Tiles;
using Quorate.Sources.Connect;

namespace Quorate.Sources.Tiles;

/// <summary>
/// Gets proofs from any Quorate node's public listener: the map finds the entry of a key, tiles prove it. Nothing is trusted that the proof's reader would
/// not check again.
/// </summary>
public sealed class PublicLogClient : IDisposable
{
    const int MaxHead = 4 << 10;
    const int Attempts = 3;

    readonly PublicLogAddress _address;
    readonly HttpTileSource _tiles;
    readonly ConnectClient _connect;
    readonly ConnectLogSource _rpc;

    public PublicLogClient(PublicLogAddress address, TimeProvider time)
    {
        _address = address;
        _tiles = new HttpTileSource(address.Prefix, connections: 4, time);
        _connect = new ConnectClient(ConnectAddress.Parse(address.Node.AbsoluteUri));
        _rpc = new ConnectLogSource(_connect);
    }

    /// <summary>The proof of a key's first entry under the newest published checkpoint; null when the log has none.</summary>
    /// <exception cref="MalformedException">What the node serves does not fit together.</exception>
    /// <exception cref="IOException">The node cannot be asked.</exception>
    public async Task<TlogProof?> ProveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        var (note, checkpoint, mapRoot) = await CheckpointAsync(cancellationToken);
        var answer = await _rpc.MapValueAsync(_address.Log, key, mapRoot, cancellationToken);
        if (answer is null || answer.Value.IsEmpty)
        {
            return null;
        }
        // The protocol need not be known: only the first entry is looked for, and the log itself proves that it is one.
        var value = answer.Value.Span;
        if (
            (!MapRule.FirstValue.TryParse(value, out var claims) && !MapRule.AllClaims.TryParse(value, out claims))
            || claims[0].Index >= checkpoint.Size
        )
        {
            throw new MalformedException("the map's answer names no entry of the checkpoint's tree");
        }
        var (digest, index) = claims[0];
        var proofs = new TileProofs(_tiles, checkpoint.Size);
        var data = await proofs.EntryAsync(index, cancellationToken);
        if (!LeafData.Of(key.Span, digest).AsSpan().SequenceEqual(data))
        {
            throw new MalformedException($"entry {index} is not the one that the map names for this key");
        }
        var hashes = await proofs.InclusionAsync(index, cancellationToken);
        var result = MerkleProof.VerifyInclusion(index, checkpoint.Size, TreeHash.Leaf(data), hashes, checkpoint.Root);
        if (result is Verification.Rejected rejected)
        {
            throw new MalformedException($"the tiles do not lead to the checkpoint: {rejected.Detail}");
        }
        var extra = new ProofExtra(data, await ValueAsync(digest, cancellationToken));
        return new TlogProof(extra.ToBytes(), index, hashes, note);
    }

    public void Dispose()
    {
        _tiles.Dispose();
        _connect.Dispose();
    }

    /// <summary>A checkpoint and the map root of the same head; the log may grow between the two requests.</summary>
    async Task<(SignedNote Note, Checkpoint Checkpoint, Sha256Digest MapRoot)> CheckpointAsync(CancellationToken cancellationToken)
    {
        var buffer = new TileBuffer();
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            await ReadAsync("checkpoint", buffer, SignedNote.MaxBytes, cancellationToken);
            var note = SignedNote.Parse(buffer.Bytes);
            var checkpoint = Checkpoint.Parse(note.Text.Span);
            await ReadAsync("head", buffer, MaxHead, cancellationToken);
            var (mapRoot, size) = Head(buffer.Bytes);
            if (size == checkpoint.Size)
            {
                return (note, checkpoint, mapRoot);
            }
        }
        throw new TileSourceException("the log grew faster than its checkpoint and head could be read; try again");
    }

    async Task ReadAsync(string path, TileBuffer buffer, int maxBytes, CancellationToken cancellationToken)
    {
        if (await _tiles.ReadAsync(path, buffer, maxBytes, cancellationToken) != TileRead.Found)
        {
            throw new TileSourceException($"{_address.Prefix}/{path} is not there: no node that publishes this log as tiles");
        }
    }

    async Task<ReadOnlyMemory<byte>?> ValueAsync(Sha256Digest digest, CancellationToken cancellationToken)
    {
        var buffer = new TileBuffer();
        // A longer value is left out of the file, and so is one that the node does not give.
        return
            await _tiles.ReadAsync($"value/{digest}", buffer, ProofExtra.MaxValueLength, cancellationToken) == TileRead.Found
            && Sha256Digest.HashData(buffer.Bytes) == digest
            ? buffer.Bytes.ToArray()
            : default(ReadOnlyMemory<byte>?);
    }

    static (Sha256Digest MapRoot, ulong Size) Head(ReadOnlySpan<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json.ToArray(), new JsonDocumentOptions { MaxDepth = 4 });
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("mapRoot", out var root)
                && root.ValueKind == JsonValueKind.String
                && Sha256Digest.TryParseHex(root.GetString(), out var mapRoot)
                && document.RootElement.TryGetProperty("treeSize", out var size)
                && size.ValueKind == JsonValueKind.Number
                && size.TryGetUInt64(out var treeSize)
                ? (mapRoot, treeSize)
                : throw new MalformedException("the log's head is not a head");
        }
        catch (JsonException e)
        {
            throw new MalformedException("the log's head is not JSON", e);
        }
    }
}
