using System.Text.Json;
using Quorate.Core;
using Quorate.Core.Merkle;
using Quorate.Testing;
using Xunit;

namespace Quorate.Conformance.Merkle;

/// <summary>The RFC 6962 proofs of transparency-dev/merkle: every good one verifies and every bad one is rejected.</summary>
public sealed class MerkleVectorTests
{
    [Fact]
    public void Inclusion_proofs_are_judged_as_stated() => JudgeAll("tlog/merkle/inclusion", Inclusion, leastGood: 5);

    [Fact]
    public void Consistency_proofs_are_judged_as_stated() => JudgeAll("tlog/merkle/consistency", Consistency, leastGood: 5);

    static void JudgeAll(string folder, Func<JsonElement, bool> verifies, int leastGood)
    {
        var good = 0;
        var bad = 0;
        foreach (var file in Directory.EnumerateFiles(Vectors.Find(folder), "*.json", SearchOption.AllDirectories))
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            var expected = !document.RootElement.GetProperty("wantErr").GetBoolean();
            Assert.True(expected == verifies(document.RootElement), $"{file} should {(expected ? "" : "not ")}verify");
            _ = expected ? good++ : bad++;
        }
        Assert.True(good >= leastGood && bad >= 50, $"only {good} good and {bad} bad vectors in {folder}");
    }

    static bool Inclusion(JsonElement vector) =>
        TryDigest(vector.GetProperty("leafHash"), out var leaf)
        && TryDigest(vector.GetProperty("root"), out var root)
        && TryProof(vector, out var proof)
        && MerkleProof
            .VerifyInclusion(vector.GetProperty("leafIdx").GetUInt64(), vector.GetProperty("treeSize").GetUInt64(), leaf, proof, root)
            .IsVerified;

    static bool Consistency(JsonElement vector) =>
        TryProof(vector, out var proof)
        && MerkleProof
            .VerifyConsistency(
                vector.GetProperty("size1").GetUInt64(),
                vector.GetProperty("size2").GetUInt64(),
                Root(vector.GetProperty("root1")),
                Root(vector.GetProperty("root2")),
                proof
            )
            .IsVerified;

    // Some roots are sentences ("don't care") that only need to be equal or different; their hashes stand for them.
    static Sha256Digest Root(JsonElement text) =>
        text.GetBytesFromBase64() is var bytes && Sha256Digest.TryCreate(bytes, out var root) ? root : Sha256Digest.HashData(bytes);

    static bool TryProof(JsonElement vector, out List<Sha256Digest> proof)
    {
        proof = [];
        if (vector.GetProperty("proof") is not { ValueKind: JsonValueKind.Array } hashes)
        {
            return true;
        }
        foreach (var text in hashes.EnumerateArray())
        {
            if (!TryDigest(text, out var hash))
            {
                return false;
            }
            proof.Add(hash);
        }
        return true;
    }

    // A hash of another length cannot be represented, which is a rejection.
    static bool TryDigest(JsonElement text, out Sha256Digest digest)
    {
        digest = default;
        return text.ValueKind == JsonValueKind.String && Sha256Digest.TryCreate(text.GetBytesFromBase64(), out digest);
    }
}
