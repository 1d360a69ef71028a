using System.Text;
using Quorate.Core;
using Quorate.Log;
using Xunit;

namespace Quorate.Testing.Logs;

/// <summary>The contract where the first value of a key counts, as in Trustix.</summary>
public abstract class FirstValueLogContract<TLog>(ILogOpener<TLog> opener) : PublishedLogContract<TLog>(opener, Protocol.Nix)
    where TLog : IPublishedLog, IAsyncDisposable
{
    [Fact]
    public async Task SubmitAsync_of_another_value_under_drop_leaves_the_log_as_Trustix_does()
    {
        await using var log = await OpenAsync(o => o with { Divergence = DivergencePolicy.Drop });
        var head = (await SubmitAsync(log, "a", "1")).Head;
        var second = await SubmitAsync(log, "a", "2");
        Assert.Equal((head, 0, 0), (second.Head, second.Added, second.Duplicates));
        Assert.Null(Assert.Single(second.Divergences).Index);
    }

    [Fact]
    public async Task SubmitAsync_with_repeats_and_divergences_inside_one_submit_judges_them_alike()
    {
        await using var log = await OpenAsync();
        var result = await SubmitAsync(log, Item("a", "1"), Item("a", "1"), Item("a", "2"), Item("a", "2"), Item("a", "3"));
        Assert.Equal((3, 2, 2), (result.Added, result.Duplicates, result.Divergences.Count));
        Assert.Equal([Digest("1"), Digest("2"), Digest("3")], log.EntriesOf("a"u8).Select(e => e.ValueDigest));
    }

    [Fact]
    public async Task SubmitAsync_of_a_value_with_the_same_meaning_is_a_duplicate()
    {
        await using var log = await OpenAsync(o => o with { Meaning = new CaseInsensitive() });
        await SubmitAsync(log, "a", "value");
        var again = await SubmitAsync(log, Item("a", "VALUE"), Item("b", "x"), Item("b", "X"), Item("a", "!"));
        Assert.Equal((2, 2), (again.Added, again.Duplicates));
        Assert.Equal("a", Encoding.UTF8.GetString(Assert.Single(again.Divergences).Key.Span));
    }

    [Fact]
    public async Task KeysByStoreHash_finds_store_paths_and_nothing_else()
    {
        const string hash = "w3zngkrag7vnm7v1q8vnqb71q6a1w8gn";
        await using var log = await OpenAsync();
        await SubmitAsync(
            log,
            Item($"/nix/store/{hash}-libidn2-2.3.2", "1"),
            Item($"/nix/store/{hash}-other", "1"),
            Item($"/nix/store/{hash}-other", "2"),
            Item("/nix/store/ik4qlj53grwmg7avzrfrn34bjf6a30ch-libunistring-1.0", "1"),
            Item("twenty bytes, legacy", "1")
        );
        var keys = log.KeysByStoreHash(hash).Select(k => Encoding.UTF8.GetString(k.Span));
        Assert.Equal([$"/nix/store/{hash}-libidn2-2.3.2", $"/nix/store/{hash}-other"], keys);
        Assert.Empty(log.KeysByStoreHash("00000000000000000000000000000000"));
        Assert.Empty(log.KeysByStoreHash("é3zngkrag7vnm7v1q8vnqb71q6a1w8gn"));
    }

    sealed class CaseInsensitive : IValueMeaning
    {
        public Sha256Digest? MeaningOf(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            value is [(byte)'!'] ? null : Digest(Encoding.UTF8.GetString(value).ToUpperInvariant());
    }
}
