using Quorate.Nix.Verification;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

/// <summary>
/// A small random trace graph with its model, kept as plain lists so that an oracle can read them. As in real closures, all resolutions of a
/// position require the same positions, with different paths.
/// </summary>
sealed class RandomTraces
{
    const int Builders = 4;
    const int LegacyBuilder = 4;

    public sealed record Node(int Position, Requirement[] Needs);

    /// <param name="Node">Null for a legacy claim.</param>
    public sealed record Claim(int Position, Node? Node, int Signer, OutputPaths Outputs);

    readonly Random _random;
    readonly int[][] _dependencies;
    readonly bool _withLegacy;

    RandomTraces(int seed, bool withLegacy)
    {
        _random = new Random(seed);
        _withLegacy = withLegacy;
        var model = RandomModel([.. Enumerable.Range(0, _random.Next(1, Builders + 1))]);
        Model = withLegacy ? QuorumModel.Threshold(1, [QuorumModel.Builder(LegacyBuilder), model]) : model;
        var positions = _random.Next(2, 5);
        _dependencies = new int[positions][];
        for (var position = 0; position < positions; position++)
        {
            var isFixed = position == 0 && _random.Next(4) == 0;
            Fixed.Add(isFixed ? OutputPaths.Of("out", "0") : null);
            var dependencies = Enumerable.Range(0, position).Where(d => d == position - 1 || _random.Next(2) == 0);
            _dependencies[position] = isFixed ? [] : [.. dependencies];
        }
        Target = new Requirement(positions - 1, RandomOutputs(demand: true));
        for (var i = _random.Next(positions, 7 * positions); i > 0; i--)
        {
            AddEvidence();
        }
        for (var i = withLegacy ? _random.Next(3) : 0; i > 0; i--)
        {
            AddLegacy();
        }
    }

    RandomTraces(RandomTraces other)
    {
        (_random, _dependencies, Model, Target) = (other._random, other._dependencies, other.Model, other.Target);
        _withLegacy = other._withLegacy;
        Fixed.AddRange(other.Fixed);
        Claims.AddRange(other.Claims);
        for (var i = 0; i < 4; i++)
        {
            AddEvidence();
        }
        if (_withLegacy && _random.Next(2) == 0)
        {
            AddLegacy();
        }
    }

    public QuorumModel Model { get; }

    public List<OutputPaths?> Fixed { get; } = [];

    public List<Claim> Claims { get; } = [];

    public Requirement Target { get; }

    public static RandomTraces Of(int seed, bool? withLegacy = null) => new(seed, withLegacy ?? seed % 3 == 0);

    /// <summary>The same with further claims.</summary>
    public RandomTraces WithMore() => new(this);

    public GraphVerdict Judge(VerificationMode mode, SearchLimits? limits = null)
    {
        var builder = new TraceGraphBuilder();
        foreach (var outputs in Fixed)
        {
            _ = outputs is null ? builder.AddPosition() : builder.AddFixed(outputs);
        }
        var nodes = new Dictionary<Node, int>(ReferenceEqualityComparer.Instance);
        foreach (var claim in Claims)
        {
            if (claim.Node is not { } node)
            {
                builder.AddLegacyClaim(claim.Position, claim.Signer, claim.Outputs);
                continue;
            }
            if (!nodes.TryGetValue(node, out var number))
            {
                nodes[node] = number = builder.AddNode(node.Position, node.Needs);
            }
            builder.AddClaim(number, claim.Signer, claim.Outputs);
        }
        var target = builder.AddTarget(Target.Position, Target.Outputs);
        return TraceSemantics.Judge(mode, builder.Build(), target, Model, limits, TestContext.Current.CancellationToken);
    }

    void AddEvidence()
    {
        var position = _random.Next(Fixed.Count);
        if (Fixed[position] is not null)
        {
            return;
        }
        var known = Claims.Select(claim => claim.Node).Where(node => node?.Position == position).Distinct().ToList();
        var node =
            known.Count > 0 && _random.Next(2) == 0
                ? known[_random.Next(known.Count)]
                : new Node(position, [.. _dependencies[position].Select(d => new Requirement(d, RandomOutputs(demand: true)))]);
        var outputs = RandomOutputs();
        do
        {
            Claims.Add(new Claim(position, node, _random.Next(Builders), outputs));
        } while (_random.Next(2) == 0);
    }

    void AddLegacy()
    {
        var position = _random.Next(Fixed.Count);
        if (Fixed[position] is null)
        {
            Claims.Add(new Claim(position, null, LegacyBuilder, RandomOutputs()));
        }
    }

    /// <summary>Two paths for output "out" and two for "dev", so that things meet often.</summary>
    OutputPaths RandomOutputs(bool demand = false)
    {
        var outputs = new List<KeyValuePair<string, string>> { new("out", _random.Next(4) == 0 ? "1" : "0") };
        if (_random.Next(demand ? 4 : 2) == 0)
        {
            outputs.Add(new("dev", _random.Next(4) == 0 ? "1" : "0"));
        }
        return OutputPaths.Of(outputs);
    }

    QuorumModel RandomModel(int[] builders)
    {
        if (builders.Length == 1)
        {
            return QuorumModel.Builder(builders[0]);
        }
        var cut = _random.Next(1, builders.Length);
        QuorumModel[] children =
            _random.Next(2) == 0 ? [RandomModel(builders[..cut]), RandomModel(builders[cut..])] : [.. builders.Select(QuorumModel.Builder)];
        return QuorumModel.Threshold(_random.Next(1, children.Length + 1), children);
    }
}
