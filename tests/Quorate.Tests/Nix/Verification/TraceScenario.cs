using Quorate.Nix.Verification;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

/// <summary>
/// Writes trace graphs down in few words. Positions come dependencies first. <c>from</c> is <c>"A=a B=out:b,dev:d"</c>; outputs are <c>"a"</c> (of
/// output "out") or <c>"out:a,dev:d"</c>; signers are <c>"k1 k3"</c>.
/// </summary>
sealed class TraceScenario
{
    readonly TraceGraphBuilder _builder = new();
    readonly Dictionary<string, int> _positions = new(StringComparer.Ordinal);
    readonly Dictionary<(string, string), int> _nodes = [];

    public TraceScenario Fixed(string position, string outputs)
    {
        _positions.Add(position, _builder.AddFixed(Outputs(outputs)));
        return this;
    }

    /// <summary>A position that nobody says anything of.</summary>
    public TraceScenario Silent(string position)
    {
        _positions.Add(position, _builder.AddPosition());
        return this;
    }

    public TraceScenario Claim(string position, string outputs, string signers, string from = "")
    {
        var at = Position(position);
        if (!_nodes.TryGetValue((position, from), out var node))
        {
            var needs = from.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(need =>
                    need.Split('=') is [var of, var paths]
                        ? new Requirement(_positions[of], Outputs(paths))
                        : throw new ArgumentException(need)
                );
            _nodes[(position, from)] = node = _builder.AddNode(at, [.. needs]);
        }
        foreach (var signer in signers.Split(' '))
        {
            _builder.AddClaim(node, Bit(signer), Outputs(outputs));
        }
        return this;
    }

    public TraceScenario Legacy(string position, string outputs, string signer)
    {
        _builder.AddLegacyClaim(Position(position), Bit(signer), Outputs(outputs));
        return this;
    }

    public GraphVerdict Judge(string position, string outputs, string model, VerificationMode mode)
    {
        var target = _builder.AddTarget(_positions[position], Outputs(outputs));
        return TraceSemantics.Judge(mode, _builder.Build(), target, Model(model), cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary><c>"2 k1 k2 k3"</c>; nested: <c>"1 k1 (2 k2 k3)"</c>.</summary>
    public static QuorumModel Model(string text)
    {
        var tokens = new Queue<string>(
            text.Replace("(", "( ", StringComparison.Ordinal).Replace(")", " )", StringComparison.Ordinal).Split(' ')
        );
        QuorumModel Group()
        {
            var required = int.Parse(tokens.Dequeue());
            var children = new List<QuorumModel>();
            while (tokens.TryDequeue(out var token) && token != ")")
            {
                children.Add(token == "(" ? Group() : QuorumModel.Builder(Bit(token)));
            }
            return QuorumModel.Threshold(required, children);
        }
        return Group();
    }

    int Position(string name)
    {
        if (!_positions.TryGetValue(name, out var position))
        {
            _positions.Add(name, position = _builder.AddPosition());
        }
        return position;
    }

    static OutputPaths Outputs(string text) =>
        OutputPaths.Of(
            text.Split(',').Select(part => part.Split(':') is [var name, var path] ? KeyValuePair.Create(name, path) : new("out", part))
        );

    static int Bit(string signer) => int.Parse(signer.AsSpan(1)) - 1;
}
