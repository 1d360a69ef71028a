using System.Buffers;
using System.Text.Json;
using Quorate.Core;

namespace Quorate.Trust.Engines;

/// <summary>The votes of all configured builders as the engines see them: claims of equal meaning carry one digest, their first supporter's.</summary>
public sealed class EngineVotes
{
    readonly int[] _groups;
    readonly int[] _first;
    readonly int[] _counts;

    /// <param name="testimonies">One per configured builder, in configuration order.</param>
    public EngineVotes(IReadOnlyList<Testimony> testimonies)
    {
        Testimonies = testimonies;
        _groups = Trust.Candidates.Group(testimonies, out var candidates);
        _first = new int[candidates];
        _counts = new int[candidates];
        for (var i = _groups.Length - 1; i >= 0; i--)
        {
            if (_groups[i] is var group and not Trust.Candidates.None)
            {
                _first[group] = i;
                _counts[group]++;
            }
            else if (testimonies[i] is Testimony.Silent or Testimony.Unavailable)
            {
                Open++;
            }
        }
    }

    public IReadOnlyList<Testimony> Testimonies { get; }

    /// <summary>The denominator: every builder that is configured for the protocol, whether it answered or not.</summary>
    public int Configured => _groups.Length;

    /// <summary>Builders that may still say anything.</summary>
    public int Open { get; }

    public int Candidates => _counts.Length;

    public int Count(int candidate) => _counts[candidate];

    /// <summary>The claim of the group's first supporter.</summary>
    public Evidence EvidenceOf(int candidate) => ((Testimony.Given)Testimonies[_first[candidate]]).Evidence;

    public Sha256Digest DigestOf(int candidate) => EvidenceOf(candidate).Claim.Raw.Digest;

    public int CandidateOf(int builder) => _groups[builder];

    public List<string> Supporters(int candidate)
    {
        var supporters = new List<string>(_counts[candidate]);
        for (var i = 0; i < _groups.Length; i++)
        {
            if (_groups[i] == candidate)
            {
                supporters.Add(Testimonies[i].Builder);
            }
        }
        return supporters;
    }

    /// <summary>
    /// The argument of a JavaScript decider. Trustix passes its list of inputs as one element of another list (a slip in how it spreads its
    /// arguments) and deciders in use rely on it: <c>[[{"LogID":…,"Value":…}]]</c>.
    /// </summary>
    public ReadOnlyMemory<byte> ToScriptInput()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            json.WriteStartArray();
            for (var i = 0; i < _groups.Length; i++)
            {
                if (Testimonies[i] is Testimony.Given given)
                {
                    json.WriteStartObject();
                    json.WriteString("LogID"u8, given.Evidence.Position?.LogId ?? $"cache:{given.Builder}");
                    json.WriteString("Value"u8, DigestOf(_groups[i]).ToString());
                    json.WriteEndObject();
                }
            }
            json.WriteEndArray();
            json.WriteEndArray();
        }
        return buffer.WrittenMemory;
    }
}
