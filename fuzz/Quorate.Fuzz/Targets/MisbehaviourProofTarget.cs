using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Crypto;
using Quorate.Log;

namespace Quorate.Fuzz.Targets;

/// <summary>Whatever is read as a proof of misbehaviour is in its one spelling; the honest heads among the seeds are never convicted.</summary>
sealed class MisbehaviourProofTarget : IFuzzTarget
{
    static readonly Ed25519PrivateKey s_key = Ed25519PrivateKey.FromSeed([.. Enumerable.Repeat((byte)9, Ed25519PrivateKey.SeedSize)]);

    public string Name => "misbehaviour-proof";

    public IEnumerable<byte[]> Seeds
    {
        get
        {
            var (one, two) = (Sha256Digest.HashData([1]), Sha256Digest.HashData([2]));
            // Signed by the key, and in accord: no change to the unsigned rest may make a contradiction of them.
            var (first, second) = (LogHead.Sign(one, 3, one, one, 1, s_key), LogHead.Sign(two, 5, two, two, 2, s_key));
            var map = new MapContradiction("key"u8.ToArray(), ReadOnlyMemory<byte>.Empty, new MapProof([one], null, new byte[1], 1), null);
            foreach (var kind in Enum.GetValues<MisbehaviourKind>())
            {
                var isMap = kind == MisbehaviourKind.MapContradictsLog;
                var record = new Misbehaviour(
                    kind,
                    isMap ? (SignedTree?)null : first,
                    second,
                    two,
                    [one, two],
                    isMap ? map : null,
                    DateTimeOffset.UnixEpoch
                );
                yield return MisbehaviourProof.Write(record, s_key.PublicKey);
            }
            var entry = new ProvenEntry(2, "key"u8.ToArray(), one, [two, one]);
            yield return MisbehaviourProof.Write(
                Misbehaviour.OfMap(second, map with { Entry = entry }, DateTimeOffset.UnixEpoch),
                s_key.PublicKey
            );
        }
    }

    public void Run(ReadOnlySpan<byte> input)
    {
        try
        {
            var record = MisbehaviourProof.Parse(input, out var key);
            FuzzException.ThrowUnless(input.SequenceEqual(MisbehaviourProof.Write(record, key)), "accepted proof is not canonical");
            foreach (var protocol in Protocol.Known)
            {
                FuzzException.ThrowUnless(
                    !record.Verify(new LogIdentity(protocol, s_key.PublicKey)).IsVerified,
                    "honest heads were convicted"
                );
            }
        }
        catch (MalformedException)
        {
            // The expected end of most inputs.
        }
    }
}
