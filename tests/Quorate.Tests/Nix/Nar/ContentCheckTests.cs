using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Nar;

public sealed class ContentCheckTests : IDisposable
{
    const string StoreDir = StorePath.DefaultStoreDir;

    static readonly StorePath s_reference = StorePath.Parse("/nix/store/jwnbmck4w96d3z3rqyp1dw3p3ljpvza7-a");
    static readonly StorePath s_stranger = StorePath.Parse("/nix/store/gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r-s");

    readonly string _folder = Directory.CreateTempSubdirectory("check").FullName;

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Scanning_object_with_a_reference_finds_it_and_the_path()
    {
        Tree tree = Tree.Of(("file", new Tree.File(false, $"see {s_reference}/x")));
        var hash = Sha256Digest.HashData(tree.ToArchive());
        var path = ContentAddressing.RecursiveSha256(hash, [s_reference], StoreDir, "b");
        var check = await ContentCheck.ScanningAsync(path, Put(tree), ContentMethod.Nar, "sha256", [s_stranger, s_reference], Cancellation);
        Assert.Equal([s_reference], check.References);
        Assert.Equal((hash, (ulong)tree.ToArchive().Length), (check.NarHash, check.NarSize));
        Assert.Equal(new AddressedContent(new ContentAddress(ContentMethod.Nar, "sha256", hash.AsSpan()), path, Era: null), check.Match);
    }

    [Theory]
    [InlineData(SelfReferenceEra.WithPositions)]
    [InlineData(SelfReferenceEra.WithoutPositions)]
    public async Task WithReferences_object_that_refers_to_itself_matches_in_its_era_only(SelfReferenceEra era)
    {
        var scratch = StorePath.Parse("/nix/store/00000000000000000000000000000000-b");
        var path = (await Check(scratch, SelfReferring(scratch))).Addresses[(int)era].Path;
        var check = await Check(path, SelfReferring(path));
        Assert.Equal(era, check.Match?.Era);
        Assert.Equal([.. new[] { s_reference, path }.Order()], check.References);

        async Task<ContentCheck> Check(StorePath at, Tree tree) =>
            await ContentCheck.WithReferencesAsync(at, Put(tree), ContentMethod.Nar, "sha256", [s_reference], Cancellation);
    }

    [Fact]
    public async Task WithReferences_changed_byte_matches_nothing()
    {
        Tree tree = new Tree.File(false, "x");
        var path = ContentAddressing.RecursiveSha256(Sha256Digest.HashData(tree.ToArchive()), [], StoreDir, "b");
        var check = await ContentCheck.WithReferencesAsync(
            path,
            Put(new Tree.File(false, "y")),
            ContentMethod.Nar,
            "sha256",
            [],
            Cancellation
        );
        Assert.Null(check.Match);
    }

    [Theory]
    [InlineData(ContentMethod.Flat, "sha256", "/nix/store/xbanwc63bmnpp74w1c5wr6pw7f1h4ybg-leaf.txt")]
    [InlineData(ContentMethod.Text, "sha256", null)]
    [InlineData(ContentMethod.Flat, "md5", null)]
    [InlineData(ContentMethod.Nar, "sha1", null)]
    [InlineData(ContentMethod.Nar, "sha512", null)]
    [InlineData(ContentMethod.Nar, "blake3", "/nix/store/qh8vqvw271a81gs269yss4m7gv14w5h0-leaf.txt")]
    [InlineData(ContentMethod.Flat, "blake3", "/nix/store/d105azhcc72mlf445rwy7qr80ca08na8-leaf.txt")]
    [InlineData(ContentMethod.Git, "sha1", "/nix/store/4g9vphmqqxhjqyppdgp6avf7yxaq6hn8-leaf.txt")]
    [InlineData(ContentMethod.Git, "sha256", "/nix/store/qmidcmr20vh721wzb32gwq17w5x7cv9b-leaf.txt")]
    public async Task WithReferences_every_kind_that_can_be_computed_gives_a_path(ContentMethod method, string algorithm, string? known)
    {
        var claimed = StorePath.Parse(known ?? "/nix/store/00000000000000000000000000000000-leaf.txt");
        var check = await ContentCheck.WithReferencesAsync(
            claimed,
            Put(new Tree.File(false, "leaf\n")),
            method,
            algorithm,
            [],
            Cancellation
        );
        Assert.Equal((method, algorithm), (check.Addresses[0].Address.Method, check.Addresses[0].Address.Algorithm));
        Assert.Equal(known is not null, check.Match is not null);
    }

    [Theory]
    [InlineData(ContentMethod.Flat)]
    [InlineData(ContentMethod.Text)]
    public async Task WithReferences_what_is_not_one_plain_file_has_no_address_by_its_bytes(ContentMethod method)
    {
        Tree[] others = [Tree.Of(), new Tree.Link("x"), new Tree.File(true, "x")];
        foreach (var tree in others)
        {
            await Assert.ThrowsAsync<UnaddressableException>(() =>
                ContentCheck.WithReferencesAsync(s_stranger, Put(tree), method, "sha256", [], Cancellation)
            );
        }
    }

    [Fact]
    public async Task WithReferences_program_or_link_alone_has_no_address_by_Git()
    {
        foreach (Tree tree in (Tree[])[new Tree.Link("x"), new Tree.File(true, "x")])
        {
            await Assert.ThrowsAsync<UnaddressableException>(() =>
                ContentCheck.WithReferencesAsync(s_stranger, Put(tree), ContentMethod.Git, "sha1", [], Cancellation)
            );
        }
    }

    [Theory]
    [InlineData(ContentMethod.Git, "sha1")]
    [InlineData(ContentMethod.Nar, "blake3")]
    public async Task WithReferences_object_that_refers_to_something_has_no_address_but_by_SHA_256_of_its_archive(
        ContentMethod method,
        string algorithm
    )
    {
        await Assert.ThrowsAsync<UnaddressableException>(() => Check(Tree.Of(), s_reference));
        await Assert.ThrowsAsync<UnaddressableException>(() => Check(SelfReferring(s_stranger)));

        Task<ContentCheck> Check(Tree tree, params StorePath[] references) =>
            ContentCheck.WithReferencesAsync(s_stranger, Put(tree), method, algorithm, references, Cancellation);
    }

    [Theory]
    [InlineData(ContentMethod.Git, "md5")]
    [InlineData(ContentMethod.Git, "blake3")]
    [InlineData(ContentMethod.Text, "blake3")]
    [InlineData(ContentMethod.Nar, "sha3")]
    public async Task WithReferences_method_and_algorithm_that_do_not_go_together_are_refused(ContentMethod method, string algorithm) =>
        await Assert.ThrowsAsync<MalformedException>(() =>
            ContentCheck.WithReferencesAsync(s_stranger, Put(Tree.Of()), method, algorithm, [], Cancellation)
        );

    [Theory]
    [InlineData(ContentMethod.Git, "sha1")]
    [InlineData(ContentMethod.Git, "sha256")]
    [InlineData(ContentMethod.Nar, "blake3")]
    public async Task OfArchive_of_another_algorithm_says_the_same_as_the_disk(ContentMethod method, string algorithm)
    {
        var tree = Tree.Of(("a", Tree.Of(("f", new Tree.File(true, "x")))), ("a.b", new Tree.Link("a")), ("e", Tree.Of()));
        var disk = await ContentCheck.WithReferencesAsync(s_stranger, Put(tree), method, algorithm, [], Cancellation);
        var archive = new MemoryStream(tree.ToArchive());
        Assert.Equal(
            disk.Addresses,
            (await ContentCheck.OfArchiveAsync(s_stranger, archive, method, algorithm, [], Cancellation)).Addresses
        );
    }

    [Fact]
    public async Task OfArchive_says_the_same_as_the_disk()
    {
        var tree = SelfReferring(s_stranger);
        var disk = await ContentCheck.WithReferencesAsync(s_stranger, Put(tree), ContentMethod.Nar, "sha256", [s_reference], Cancellation);
        var archive = await ContentCheck.OfArchiveAsync(
            s_stranger,
            new MemoryStream(tree.ToArchive()),
            ContentMethod.Nar,
            "sha256",
            [s_reference],
            Cancellation
        );
        Assert.Equal(disk.NarHash, archive.NarHash);
        Assert.Equal(disk.Addresses, archive.Addresses);
    }

    static Tree.Folder SelfReferring(StorePath path) =>
        Tree.Of(("a", new Tree.File(false, $"{path} and {s_reference}")), ("l", new Tree.Link($"{path}/a")));

    string Put(Tree tree)
    {
        var location = Path.Combine(_folder, Path.GetRandomFileName());
        tree.WriteTo(location);
        return location;
    }
}
