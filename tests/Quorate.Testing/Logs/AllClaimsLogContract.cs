using System.Text;
using Quorate.Core;
using Quorate.Core.Map;
using Quorate.Log;
using Xunit;

namespace Quorate.Testing.Logs;

/// <summary>The contract where all claims of a key count, as in native protocols.</summary>
public abstract class AllClaimsLogContract<TLog>(ILogOpener<TLog> opener) : PublishedLogContract<TLog>(opener, Protocol.NixTrace)
    where TLog : IPublishedLog, IAsyncDisposable
{
    [Fact]
    public async Task SubmitAsync_of_another_value_is_another_claim_and_no_divergence()
    {
        await using var log = await OpenAsync(o => o with { Divergence = DivergencePolicy.Drop });
        await SubmitAsync(log, Item("b", "1"), Item("a", "1"));
        var second = await SubmitAsync(log, "a", "2");
        Assert.Equal((1, 0, 0), (second.Added, second.Duplicates, second.Divergences.Count));
        Assert.Equal([Digest("1"), Digest("2")], log.EntriesOf("a"u8).Select(e => e.ValueDigest));
        Assert.Equal(
            """[{"Digest":"a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=","Index":1},{"Digest":"1HNeOiZeFu7gP1lxi5tdAwGcB9i2xR+Q2jpmbuwTqzU=","Index":2}]""",
            Encoding.ASCII.GetString(log.MapValue("a"u8, second.Head.MapRoot)!.Value.Span)
        );
    }

    [Fact]
    public async Task SubmitAsync_of_a_claim_that_is_logged_is_a_duplicate()
    {
        await using (var log = await OpenAsync())
        {
            var result = await SubmitAsync(log, Item("a", "1"), Item("a", "2"), Item("a", "1"), Item("a", "2"));
            Assert.Equal((2, 2), (result.Added, result.Duplicates));
        }
        await using var reopened = await OpenAsync();
        var again = await SubmitAsync(reopened, Item("a", "2"), Item("a", "3"), Item("a", "3"), Item("b", "1"));
        Assert.Equal((2, 2), (again.Added, again.Duplicates));
        Assert.Equal([Digest("1"), Digest("2"), Digest("3")], reopened.EntriesOf("a"u8).Select(e => e.ValueDigest));
    }

    [Fact]
    public async Task MapValue_under_every_head_names_the_claims_below_that_head()
    {
        var heads = new List<LogHead>();
        await using (var log = await OpenAsync())
        {
            heads.Add(log.Head);
            for (var i = 0; i < 24; i++)
            {
                heads.Add((await SubmitAsync(log, Item($"{i % 5}", $"{i}"), Item("all", $"{i}"), Item($"one {i}", "1"))).Head);
            }
            AssertMaps(log, heads);
        }
        await using var reopened = await OpenAsync();
        AssertMaps(reopened, heads);
        heads.Add((await SubmitAsync(reopened, "all", "last")).Head);
        AssertMaps(reopened, heads);
    }

    [Fact]
    public async Task SubmitAsync_beyond_the_limit_of_a_key_is_refused_whole()
    {
        await using var log = await OpenAsync();
        var most = MapRule.AllClaims.MaxClaims;
        await SubmitAsync(log, [.. Enumerable.Range(0, most - 1).Select(i => Item("a", $"{i}"))]);
        await Assert.ThrowsAsync<LogKeyFullException>(() =>
            SubmitAsync(log, Item("new", "1"), Item("a", "last"), Item("a", "one more"), Item("new", "2"))
        );
        Assert.Equal((ulong)most - 1, log.Head.TreeSize);
        Assert.Equal(1, (await SubmitAsync(log, "a", "last")).Added);
        var outcomes = await Task.WhenAll(
            Enumerable
                .Range(0, 10)
                .Select(i =>
                    Record.ExceptionAsync(() => SubmitAsync(log, i % 2 == 0 ? Item("a", $"more {i}") : Item("new", $"{i}"))).AsTask()
                )
        );
        Assert.All(outcomes, (outcome, i) => Assert.Equal(i % 2 == 0 ? typeof(LogKeyFullException) : null, outcome?.GetType()));
        Assert.Equal(1, (await SubmitAsync(log, "a", "7")).Duplicates);
        Assert.Equal((ulong)most + 5, log.Head.TreeSize);
        Assert.Equal(most, log.EntriesOf("a"u8).Count);
        AssertMaps(log, [log.Head]);
    }

    static void AssertMaps(TLog log, IReadOnlyList<LogHead> heads)
    {
        var entries = log.Head.TreeSize == 0 ? [] : log.Entries(0, log.Head.TreeSize - 1);
        foreach (var head in heads)
        {
            foreach (var key in entries.GroupBy(e => Encoding.UTF8.GetString(e.Key.Span)))
            {
                MapClaim[] claims = [.. key.Where(e => e.Index < head.TreeSize).Select(e => new MapClaim(e.ValueDigest, e.Index))];
                var bytes = Encoding.UTF8.GetBytes(key.Key);
                var answer = log.MapValue(bytes, head.MapRoot)!;
                Assert.Equal(claims.Length == 0 ? [] : MapRule.AllClaims.Write(claims), answer.Value.ToArray());
                Assert.True(SparseMapProof.Verify(answer.Proof, head.MapRoot, bytes, answer.Value.Span).IsVerified);
            }
        }
    }
}
