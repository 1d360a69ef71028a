using System.Runtime.CompilerServices;
using System.Text;
using Quorate.Core;
using Quorate.Log;
using Quorate.Nix.Derivations;
using Quorate.Node.Logs;

namespace Quorate.Node.Gates.Traces;

/// <summary>What the node's logs of build traces have entries about. Each is given once; not thread-safe.</summary>
sealed class LoggedInputs(LogRegistry logs)
{
    const ulong Chunk = 1000;

    readonly ConditionalWeakTable<ILogView, StrongBox<ulong>> _read = [];

    public IEnumerable<ResolvedInputHash> Next()
    {
        foreach (var view in Views())
        {
            var read = _read.GetValue(view, _ => new StrongBox<ulong>());
            var size = view.Head?.TreeSize ?? 0;
            while (read.Value < size)
            {
                var end = Math.Min(read.Value + Chunk, size);
                var entries = view.Entries(read.Value, end - 1);
                read.Value = end;
                foreach (var entry in entries)
                {
                    if (
                        entry.Key.Length == ResolvedInputHash.TextLength
                        && ResolvedInputHash.TryParse(Encoding.Latin1.GetString(entry.Key.Span), out var input)
                    )
                    {
                        yield return input;
                    }
                }
            }
        }
    }

    IEnumerable<ILogView> Views() =>
        logs
            .Published.Select(entry => (ILogView)entry.Log)
            .Concat(logs.Followed.Where(log => log.Mirror is not null).Select(log => log.Mirror!))
            .Where(view => view.Identity.Protocol == Protocol.NixTrace);
}
