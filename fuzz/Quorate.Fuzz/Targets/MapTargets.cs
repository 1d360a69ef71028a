using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Core.Merkle;

namespace Quorate.Fuzz.Targets;

sealed class MapEntryJsonTarget : IFuzzTarget
{
    public string Name => "map-entry-json";

    public IEnumerable<byte[]> Seeds => [MapEntryJson.Write(TreeHash.EmptyRoot, 0), MapEntryJson.Write(Sha256Digest.Zero, ulong.MaxValue)];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (MapEntryJson.TryParse(input, out var digest, out var index))
        {
            FuzzException.ThrowUnless(input.SequenceEqual(MapEntryJson.Write(digest, index)), "accepted map entry is not canonical");
        }
    }
}

sealed class MapRuleTarget : IFuzzTarget
{
    public string Name => "map-rule";

    public IEnumerable<byte[]> Seeds =>
        [
            MapRule.AllClaims.Write([new MapClaim(TreeHash.EmptyRoot, 0)]),
            MapRule.AllClaims.Write([new MapClaim(TreeHash.EmptyRoot, 0), new MapClaim(Sha256Digest.Zero, ulong.MaxValue)]),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (MapRule.AllClaims.TryParse(input, out var claims))
        {
            FuzzException.ThrowUnless(input.SequenceEqual(MapRule.AllClaims.Write(claims)), "accepted claims are not canonical");
        }
    }
}

/// <summary>
/// Mutated proofs never verify anything but the truth. Input: number of side nodes (2 bytes), mask length (1), whether there is a foreign
/// leaf (1), mask, leaf (65), side nodes (32 each).
/// </summary>
sealed class MapProofTarget : IFuzzTarget
{
    const int Keys = 40;

    static readonly SparseMap s_map = SparseMap.Build([
        .. Enumerable.Range(0, Keys).Select(i => MapInsertion.Of([(byte)i], Sha256Digest.HashData([(byte)i]), (ulong)i)),
    ]);

    public string Name => "map-proof";

    public IEnumerable<byte[]> Seeds =>
        Enumerable.Range(0, 2 * Keys).Select(i => Serialize(Prove(Sha256Digest.HashData([(byte)i])))).Append([]);

    public void Run(ReadOnlySpan<byte> input)
    {
        var proof = Deserialize(input);
        for (var i = 0; i < 2 * Keys; i += 7)
        {
            byte[] key = [(byte)i];
            var value = MapEntryJson.Write(Sha256Digest.HashData(key), (ulong)i);
            if (SparseMapProof.Verify(proof, s_map.Published.Root, key, value).IsVerified)
            {
                FuzzException.ThrowUnless(i < Keys, "an absent key was proved present");
            }
            if (SparseMapProof.Verify(proof, s_map.Published.Root, key, []).IsVerified)
            {
                FuzzException.ThrowUnless(i >= Keys, "a present key was proved absent");
            }
        }
    }

    static MapProof Prove(in Sha256Digest path)
    {
        FuzzException.ThrowUnless(s_map.Published.TryRead(out var reader), "the map is closed");
        using (reader)
        {
            return reader.Prove(in path, out _);
        }
    }

    static byte[] Serialize(MapProof proof) =>
        [
            (byte)(proof.NumSideNodes >> 8),
            (byte)proof.NumSideNodes,
            (byte)proof.BitMask.Length,
            (byte)(proof.NonMembershipLeaf is null ? 0 : 1),
            .. proof.BitMask.Span,
            .. proof.NonMembershipLeaf is { } leaf ? leaf.ToArray() : [],
            .. proof.SideNodes.SelectMany(node => node.ToArray()),
        ];

    static MapProof Deserialize(ReadOnlySpan<byte> input)
    {
        if (input.Length < 4)
        {
            return new MapProof([], null, ReadOnlyMemory<byte>.Empty, input.Length);
        }
        var count = (input[0] << 8) | input[1];
        var rest = input[4..];
        var mask = rest[..Math.Min(rest.Length, input[2])].ToArray();
        rest = rest[mask.Length..];
        ReadOnlyMemory<byte>? leaf = null;
        if ((input[3] & 1) != 0)
        {
            leaf = rest[..Math.Min(rest.Length, 65)].ToArray();
            rest = rest[leaf.Value.Length..];
        }
        var sideNodes = new List<Sha256Digest>();
        for (; rest.Length >= Sha256Digest.Size; rest = rest[Sha256Digest.Size..])
        {
            sideNodes.Add(new Sha256Digest(rest[..Sha256Digest.Size]));
        }
        return new MapProof(sideNodes, leaf, mask, count);
    }
}

/// <summary>What passes for an image of a map is written again byte for byte. Input: an image without its checksum.</summary>
sealed class MapImageTarget : IFuzzTarget
{
    public string Name => "map-image";

    public IEnumerable<byte[]> Seeds =>
        ((int[])[0, 1, 2, 9]).Select(keys =>
        {
            using var map = SparseMap.Build([
                .. Enumerable.Range(0, keys).Select(i => MapInsertion.Of([(byte)i], Sha256Digest.HashData([(byte)i]), (ulong)i)),
            ]);
            return Image(map.Published)[..^Sha256Digest.Size];
        });

    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] image = [.. input, .. Sha256Digest.HashData(input).AsSpan()];
        SparseMap map;
        try
        {
            map = SparseMap.Load(new MemoryStream(image), new MapLeafList());
        }
        catch (MalformedException)
        {
            return;
        }
        using (map)
        {
            FuzzException.ThrowUnless(Image(map.Published).AsSpan().SequenceEqual(image), "an accepted image is written differently");
            using var then = map.Published.At(map.Published.TreeSize / 2);
        }
    }

    static byte[] Image(MapVersion version)
    {
        using var stream = new MemoryStream();
        FuzzException.ThrowUnless(version.TrySave(stream, CancellationToken.None), "the map is closed");
        return stream.ToArray();
    }
}
