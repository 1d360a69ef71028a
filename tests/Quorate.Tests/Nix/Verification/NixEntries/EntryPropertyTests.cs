using FsCheck;
using FsCheck.Fluent;
using Quorate.Nix;
using Quorate.Nix.Derivations;
using Quorate.Tests.Gates;
using Quorate.Trust;
using Xunit;

namespace Quorate.Tests.Nix.Verification.NixEntries;

/// <summary>Random caches with what honest and other builders' Nix signed, held against the definition of what is accepted.</summary>
public sealed class EntryPropertyTests : IDisposable
{
    const string Rule = "1 of (cache, 2 of (amy, ben))";

    static readonly Config s_config = Config.QuickThrowOnFailure.WithMaxTest(300);
    static readonly StorePath s_otherA = TraceScene.Content("a", "other").StorePath;

    readonly EntryScene _scene = new();

    public void Dispose() => _scene.Dispose();

    /// <param name="Key">0 Amy's, 1 Ben's, 2 the cache's.</param>
    /// <param name="Of">0 and 1: an output of a; 2 and 3: top made of one a and of the other; 4: top as it stands.</param>
    /// <param name="IsOther">Whether it names the other of two paths.</param>
    readonly record struct File(int Key, int Of, bool IsOther, bool IsNew);

    [Fact]
    public void Verify_of_random_caches_equals_the_definition()
    {
        var accepted = 0;
        var rejected = 0;
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var caches = Caches(new System.Random(seed), 4);
                    var expected = Accepts(caches);
                    _ = expected ? accepted++ : rejected++;
                    return Verify(caches) == (expected ? Verdict.Accepted : Verdict.Rejected);
                }
            )
            .Check(s_config);
        Assert.True(accepted > 25 && rejected > 25, $"{accepted} accepted, {rejected} rejected");
    }

    [Fact]
    public void Verify_with_further_caches_keeps_what_was_accepted() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new System.Random(seed);
                    var caches = Caches(random, 3);
                    return Verify(caches) != Verdict.Accepted || Verify([.. caches, .. Caches(random, 2)]) == Verdict.Accepted;
                }
            )
            .Check(s_config);

    Verdict Verify(List<List<File>> caches) =>
#pragma warning disable VSTHRD002 // FsCheck's properties are synchronous
        Task.Run(() => _scene.VerifyAsync(Rule, [.. caches.Select(Cache)])).GetAwaiter().GetResult().Verdict;
#pragma warning restore VSTHRD002

    static List<List<File>> Caches(System.Random random, int most) =>
        [
            .. Enumerable
                .Range(0, random.Next(1, most + 1))
                .Select(_ =>
                {
                    // Often one builder's cache, sometimes a mixture.
                    var owner = random.Next(3);
                    var isNew = random.Next(2) == 0;
                    return Enumerable
                        .Range(0, random.Next(2, 7))
                        .Select(_ =>
                        {
                            var of = random.Next(5);
                            return new File(random.Next(6) == 0 ? random.Next(3) : owner, of, random.Next(5) == 0, of < 4 && isNew);
                        })
                        .ToList();
                }),
        ];

    MemoryEntries Cache(List<File> files, int number)
    {
        var entries = new MemoryEntries($"cache {number}");
        foreach (var file in files)
        {
            var key = new[] { _scene.Amy, _scene.Ben, _scene.Cache }[file.Key];
            _ =
                file.Of == 4
                    ? entries.Unresolved(key, PathOf(file))
                    : entries.Signed(file.IsNew, key, Resolved(file.Of), file.Of == 1 ? "dev" : "out", PathOf(file));
        }
        return entries;
    }

    static ResolvedDerivation Resolved(int of) =>
        of < 2
            ? TraceScene.A
            : DerivationResolution.Resolve(TraceScene.UnresolvedTop, "top", (_, _) => of == 2 ? TraceScene.AOut : s_otherA)!;

    static StorePath PathOf(File file) =>
        file.Of switch
        {
            0 => file.IsOther ? s_otherA : TraceScene.AOut,
            1 => TraceScene.ADev,
            _ => file.IsOther ? EntryScene.OtherResult : EntryScene.Result,
        };

    /// <summary>Word for word: for every set of builders who are not believed, everything can be had without them.</summary>
    static bool Accepts(List<List<File>> caches)
    {
        // The last of several files of one name is there.
        var there = caches.Select(files => files.GroupBy(file => (file.Of, file.IsNew)).Select(group => group.Last()).ToList()).ToList();
        bool Says(int key, int of, bool isOther) =>
            there.Exists(files => files.Contains(new File(key, of, isOther, false)) || files.Contains(new File(key, of, isOther, true)));
        // A builder's key must have signed both outputs in one place and form; the cache's need not.
        bool SaysA(int key, bool isOther) =>
            key == 2
                ? Says(key, 0, isOther)
                : there.Exists(files =>
                    new[] { false, true }.Any(isNew =>
                        files.Contains(new File(key, 0, isOther, isNew)) && files.Exists(f => f.Of == 1 && f.Key == key && f.IsNew == isNew)
                    )
                );
        bool Without(int faulty) =>
            Says(2, 4, false)
            || new[] { false, true }.Any(isOther =>
                Enumerable.Range(0, 3).Any(key => key != faulty && SaysA(key, isOther))
                && Enumerable.Range(0, 3).Any(key => key != faulty && Says(key, isOther ? 3 : 2, false))
            );
        return Without(-1) && Without(0) && Without(1);
    }
}
