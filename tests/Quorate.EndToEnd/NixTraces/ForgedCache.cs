using Quorate.EndToEnd.NixBuilds;

namespace Quorate.EndToEnd.NixTraces;

/// <summary>
/// What an attacker who can write to a binary cache makes of it: every object in it is genuine content-addressed data, so that nothing needs a
/// signature, but the statement of what "c" was built to, which nobody signed, names the attacker's object.
/// </summary>
sealed record ForgedCache(string Folder, string Honest, string Evil)
{
    public string Url => "file://" + Folder;

    public static async Task<ForgedCache> MakeAsync(TraceLab lab, NixStore builder)
    {
        var folder = lab.Folder["forged"];
        var (honest, _) = await lab.BuildAsync(builder, "c");
        var (evil, _) = await lab.BuildAsync(builder, "evil");
        await lab.CopyAsync(builder, "a", folder);
        // Nix 2.8 copies the first output alone, and fails an assertion of its own when it then finds only some of a derivation.
        await lab.CopyAsync(builder, "a.dev", folder);
        await lab.CopyAsync(builder, "b", folder);
        await lab.CopyAsync(builder, "evil", folder);
        await lab.CopyAsync(builder, "c", folder);
        var forged = 0;
        foreach (var file in Directory.GetFiles(Path.Combine(folder, "realisations")))
        {
            var cancellation = TestContext.Current.CancellationToken;
            var text = await File.ReadAllTextAsync(file, cancellation);
            var lie = text.Replace(
                $"\"outPath\":\"{Path.GetFileName(honest)}\"",
                $"\"outPath\":\"{Path.GetFileName(evil)}\"",
                StringComparison.Ordinal
            );
            Assert.Contains("\"signatures\":[]", lie, StringComparison.Ordinal);
            forged += lie == text ? 0 : 1;
            await File.WriteAllTextAsync(file, lie, cancellation);
        }
        Assert.NotEqual(0, forged);
        return new ForgedCache(folder, honest, evil);
    }
}
