using Quorate.Core;
using Quorate.Nix;
using Quorate.Nix.Nar;
using Quorate.Nix.Synthetic;
using Quorate.Tests.Nix.Nar;
using Xunit;

namespace Quorate.Tests.Nix.Synthetic;

public sealed class SyntheticViewTests : IDisposable
{
    readonly FolderOfObjects _store = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task OfAsync_object_without_references_has_the_path_of_its_archive()
    {
        var path = _store.Add('a', "lib", _ => new Tree.File(false, "text"));
        var view = await View().OfAsync(path, Cancellation);
        var archive = Sha256Digest.HashData(new Tree.File(false, "text").ToArchive());
        Assert.Equal(ContentAddressing.RecursiveSha256(archive, [], StorePath.DefaultStoreDir, "lib"), view.Path);
    }

    [Fact]
    public async Task OfAsync_closures_that_differ_in_their_paths_only_have_one_view()
    {
        var first = Closure('a', 'b', 'c');
        var second = Closure('d', 'f', 'g');
        Assert.NotEqual(first, second);
        Assert.Equal((await View().OfAsync(first, Cancellation)).Path, (await View().OfAsync(second, Cancellation)).Path);
        var (one, two) = (await View().OutputAsync(first, Cancellation), await View().OutputAsync(second, Cancellation));
        Assert.Equal((one.NarHash, one.NarSize), (two.NarHash, two.NarSize));
    }

    [Fact]
    public async Task OfAsync_content_addressed_closure_is_its_own_view()
    {
        // What the view says a closure should be, made real: every path in it is then the path of its content.
        var view = View();
        var original = Closure('a', 'b', 'c');
        await view.OfAsync(original, Cancellation);
        var lib = (await view.OfAsync(Path('a', "lib"), Cancellation)).Path;
        var tool = (await view.OfAsync(Path('b', "tool"), Cancellation)).Path;
        var top = (await view.OfAsync(Path('c', "top"), Cancellation)).Path;
        _store.Put(lib, Lib(), []);
        _store.Put(tool, Tool(tool, lib), [tool, lib]);
        _store.Put(top, Top(top, tool, lib), [lib, tool]);
        Assert.Equal(top, (await View().OfAsync(top, Cancellation)).Path);
        Assert.Equal(tool, (await View().OfAsync(tool, Cancellation)).Path);
        var check = await ContentCheck.WithReferencesAsync(tool, _store.Location(tool), ContentMethod.Nar, "sha256", [lib], Cancellation);
        Assert.Equal(SelfReferenceEra.WithPositions, check.Match?.Era);
        Assert.Equal(check.NarHash, (await view.OutputAsync(Path('b', "tool"), Cancellation)).NarHash);
    }

    [Fact]
    public async Task OfAsync_fixed_output_stands_for_itself_unread()
    {
        var source = Path('a', "source");
        var path = _store.Add('b', "lib", _ => new Tree.File(false, $"{source}"), source);
        var view = new SyntheticView(_store, new HashSet<StorePath> { source });
        var expected = Sha256Digest.HashData(new Tree.File(false, $"{source}").ToArchive());
        Assert.Equal(
            ContentAddressing.RecursiveSha256(expected, [source], StorePath.DefaultStoreDir, "lib"),
            (await view.OfAsync(path, Cancellation)).Path
        );
    }

    [Fact]
    public async Task OfAsync_registered_reference_that_does_not_occur_is_refused()
    {
        var lib = _store.Add('a', "lib", _ => Lib());
        var path = _store.Add('b', "tool", _ => new Tree.File(false, "nothing"), lib);
        await Assert.ThrowsAsync<MalformedException>(() => View().OfAsync(path, Cancellation));
    }

    [Fact]
    public async Task OfAsync_reference_into_the_closure_that_is_not_registered_is_refused()
    {
        var lib = _store.Add('a', "lib", _ => Lib());
        var tool = _store.Add('b', "tool", _ => new Tree.File(false, $"{lib}"), lib);
        var path = _store.Add('c', "top", _ => new Tree.File(false, $"{tool} {lib}"), tool);
        await Assert.ThrowsAsync<MalformedException>(() => View().OfAsync(path, Cancellation));
    }

    [Fact]
    public async Task OfAsync_objects_that_refer_to_each_other_are_refused()
    {
        var (one, two) = (Path('a', "one"), Path('b', "two"));
        _store.Put(one, new Tree.File(false, $"{two}"), [two]);
        _store.Put(two, new Tree.File(false, $"{one}"), [one]);
        await Assert.ThrowsAsync<MalformedException>(() => View().OfAsync(one, Cancellation));
    }

    SyntheticView View() => new(_store, new HashSet<StorePath>());

    StorePath Closure(char first, char second, char third)
    {
        var lib = _store.Add(first, "lib", _ => Lib());
        var tool = _store.Add(second, "tool", self => Tool(self, lib), lib, Path(second, "tool"));
        return _store.Add(third, "top", self => Top(self, tool, lib), tool, lib);
    }

    static Tree.File Lib() => new(false, "library");

    static Tree.Folder Tool(StorePath self, StorePath lib) =>
        Tree.Of(("bin", Tree.Of(("tool", new Tree.File(true, $"#!{self}/sh {lib}/x")))), ("lib", new Tree.Link($"{lib}")));

    static Tree.Folder Top(StorePath self, StorePath tool, StorePath lib) =>
        Tree.Of(
            ("name", new Tree.File(false, self.Name)),
            ("run", new Tree.Link($"{tool}/bin/tool")),
            ("x", new Tree.File(false, $"{lib}{tool}"))
        );

    static StorePath Path(char fill, string name) => FolderOfObjects.Path(fill, name);
}
