using System.Threading.Channels;

namespace Quorate.Nix.Verification;

/// <summary>
/// Goes through a closure, inputs first, on several cores. Each derivation is taken up when the last of its inputs is done, and those first that the
/// longest rows of others wait for: a chain of steps takes as long as it takes, so that nothing may hold it up.
/// </summary>
sealed class ClosureWalk
{
    const int None = -1;

    readonly Func<int, CancellationToken, Task> _visit;
    readonly IProgress<(int Done, int Of)>? _progress;
    readonly List<int>[] _consumers;

    // Inputs that are not done, of each position.
    readonly int[] _waiting;

    // Of each position, the steps of the longest row from it to the target.
    readonly int[] _heights;
    readonly Channel<int> _ready;
    int _remaining;
    volatile bool _failed;

    ClosureWalk(
        IReadOnlyList<ClosureDerivation> derivations,
        Func<int, CancellationToken, Task> visit,
        IProgress<(int Done, int Of)>? progress
    )
    {
        _visit = visit;
        _progress = progress;
        _consumers = new List<int>[derivations.Count];
        _waiting = new int[derivations.Count];
        _heights = new int[derivations.Count];
        _remaining = derivations.Count;
        for (var position = 0; position < derivations.Count; position++)
        {
            _consumers[position] = [];
            _waiting[position] = derivations[position].Inputs.Count;
            foreach (var input in derivations[position].Inputs)
            {
                _consumers[input.Position].Add(position);
            }
        }
        for (var position = derivations.Count - 1; position >= 0; position--)
        {
            foreach (var input in derivations[position].Inputs)
            {
                _heights[input.Position] = Math.Max(_heights[input.Position], _heights[position] + 1);
            }
        }
        var highestFirst = Comparer<int>.Create((one, other) => _heights[other].CompareTo(_heights[one]));
        _ready = Channel.CreateUnboundedPrioritized(new UnboundedPrioritizedChannelOptions<int> { Comparer = highestFirst });
        for (var position = 0; position < derivations.Count; position++)
        {
            if (_waiting[position] == 0)
            {
                _ready.Writer.TryWrite(position);
            }
        }
    }

    /// <summary>Visits every position once. The first failure of a visit ends the walk.</summary>
    /// <param name="parallel">Visits at once.</param>
    public static Task RunAsync(
        IReadOnlyList<ClosureDerivation> closure,
        Func<int, CancellationToken, Task> visit,
        int parallel,
        IProgress<(int Done, int Of)>? progress,
        CancellationToken cancellationToken
    )
    {
        var walk = new ClosureWalk(closure, visit, progress);
        return Task.WhenAll(
            Enumerable.Range(0, Math.Max(1, parallel)).Select(_ => Task.Run(() => walk.WorkAsync(cancellationToken), cancellationToken))
        );
    }

    async Task WorkAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var position in _ready.Reader.ReadAllAsync(cancellationToken))
            {
                for (var at = position; at != None && !_failed; at = Done(at))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await _visit(at, cancellationToken);
                }
            }
        }
        catch (Exception e)
        {
            // The others wait for work that will not come.
            _failed = true;
            _ready.Writer.TryComplete(e);
            throw;
        }
    }

    /// <summary>
    /// Makes ready what waited for this position alone. The most urgent of it is returned: whoever did the position goes on with that, and nobody has
    /// to be woken for it.
    /// </summary>
    int Done(int position)
    {
        var next = None;
        foreach (var consumer in _consumers[position])
        {
            if (Interlocked.Decrement(ref _waiting[consumer]) > 0)
            {
                continue;
            }
            var later = consumer;
            if (next == None || _heights[consumer] > _heights[next])
            {
                (next, later) = (consumer, next);
            }
            if (later != None)
            {
                _ready.Writer.TryWrite(later);
            }
        }
        var left = Interlocked.Decrement(ref _remaining);
        _progress?.Report((_waiting.Length - left, _waiting.Length));
        if (left == 0)
        {
            _ready.Writer.Complete();
        }
        return next;
    }
}
