using System.Collections.Concurrent;
using Quorate.Nix;
using Quorate.Nix.Verification;
using Xunit;

namespace Quorate.Tests.Nix.Verification;

public sealed class ClosureWalkTests
{
    static readonly StorePath s_path = StorePath.Parse("/nix/store/00000000000000000000000000000000-step.drv");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(16)]
    public async Task Run_visits_every_derivation_once_and_after_its_inputs(int parallel)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var closure = RandomClosure(seed, size: 200);
            var done = new ConcurrentDictionary<int, bool>();
            var wrong = new ConcurrentBag<int>();

            await ClosureWalk.RunAsync(
                closure,
                async (position, _) =>
                {
                    if (!closure[position].Inputs.All(input => done.ContainsKey(input.Position)))
                    {
                        wrong.Add(position);
                    }
                    await Task.Yield();
                    if (!done.TryAdd(position, true))
                    {
                        wrong.Add(position);
                    }
                },
                parallel,
                progress: null,
                TestContext.Current.CancellationToken
            );

            Assert.Empty(wrong);
            Assert.Equal(closure.Length, done.Count);
        }
    }

    [Fact]
    public async Task Run_by_one_takes_the_longest_row_first()
    {
        // Position 1 begins a row of three; 0 and 2 are needed by the target alone.
        var closure = Closure([], [], [], [1], [3], [0, 2, 4]);
        var order = new List<int>();

        await ClosureWalk.RunAsync(
            closure,
            (position, _) =>
            {
                order.Add(position);
                return Task.CompletedTask;
            },
            parallel: 1,
            progress: null,
            TestContext.Current.CancellationToken
        );

        Assert.Equal([1, 3, 4], order.Take(3));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Run_with_a_visit_that_fails_ends_with_its_error(int parallel)
    {
        // One row: what comes after the failure must neither be visited nor waited for.
        var closure = Closure([.. Enumerable.Range(0, 100).Select(i => i == 0 ? Array.Empty<int>() : [i - 1])]);
        var last = -1;

        var error = await Assert.ThrowsAsync<IOException>(() =>
            ClosureWalk.RunAsync(
                closure,
                (position, _) => (last = position) == 50 ? throw new IOException("a disk") : Task.CompletedTask,
                parallel,
                progress: null,
                TestContext.Current.CancellationToken
            )
        );

        Assert.Equal(("a disk", 50), (error.Message, last));
    }

    [Fact]
    public async Task Run_cancelled_within_a_row_stops_there()
    {
        var closure = Closure([.. Enumerable.Range(0, 100).Select(i => i == 0 ? Array.Empty<int>() : [i - 1])]);
        using var cancellation = new CancellationTokenSource();
        var last = -1;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            ClosureWalk.RunAsync(
                closure,
                (position, _) =>
                {
                    last = position;
                    if (position == 50)
                    {
                        cancellation.Cancel();
                    }
                    return Task.CompletedTask;
                },
                parallel: 2,
                progress: null,
                cancellation.Token
            )
        );

        Assert.Equal(50, last);
    }

    static ClosureDerivation[] RandomClosure(int seed, int size)
    {
        var random = new Random(seed);
        var inputs = new int[size][];
        for (var i = 0; i < size; i++)
        {
            inputs[i] = [.. Enumerable.Range(0, i).OrderBy(_ => random.Next()).Take(random.Next(4))];
        }
        return Closure(inputs);
    }

    /// <summary>The walk looks at nothing but positions and inputs.</summary>
    static ClosureDerivation[] Closure(params int[][] inputs) =>
        [
            .. inputs.Select(
                (needed, position) =>
                    new ClosureDerivation(
                        position,
                        s_path,
                        "step",
                        Derivation: null!,
                        [.. needed.Select(input => new ClosureInput(input, ["out"]))]
                    )
            ),
        ];
}
