using FsCheck;
using FsCheck.Fluent;
using Quorate.Crypto.Notes;
using Quorate.Log.Auditing;
using Quorate.Testing;
using Quorate.Testing.Logs;
using Xunit;

namespace Quorate.Conformance.Tiles;

/// <summary>The audit of another implementation's log: it passes, and no changed byte of it does.</summary>
public sealed class GoldenAuditTests
{
    const int Mutations = 60;

    static readonly string[] s_notAudited = ["golden.vkey"];

    static AuditOptions Options(string folder) =>
        new() { Key = NoteVerifierKey.Parse(File.ReadAllText(Path.Combine(folder, "golden.vkey")).TrimEnd('\n')), Workers = 2 };

    [Fact]
    public async Task Audit_of_the_golden_folder_is_sound()
    {
        var folder = Vectors.Find("tlog/golden");
        var outcome = await new LogAudit(new DirectoryTileSource(folder), Options(folder)).RunAsync(TestContext.Current.CancellationToken);
        var sound = Assert.IsType<AuditOutcome.Sound>(outcome);
        Assert.Equal(70_000UL, sound.Checkpoint.Size);
        Assert.Equal(["tiles", "entries"], sound.Checked);
    }

    [Fact]
    public void Audit_of_any_single_byte_change_is_bad_and_names_the_file()
    {
        var folder = Vectors.Find("tlog/golden");
        var source = MemoryTileSource.OfFolder(folder);
        var options = Options(folder);
        var files = source.Objects.Keys.Except(s_notAudited).Order(StringComparer.Ordinal).ToArray();
        Prop.ForAll(
                Gen.Elements(files).ToArbitrary(),
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                Gen.Choose(1, 255).ToArbitrary(),
                (file, position, change) =>
                {
                    var original = source.Objects[file];
                    var changed = original.ToArray();
                    changed[position % changed.Length] ^= (byte)change;
                    source.Objects[file] = changed;
                    try
                    {
                        var outcome = RunSynchronously(source, options);
                        return IsInUnknownSignature(file, original, position % changed.Length)
                            ? outcome is AuditOutcome.Sound or AuditOutcome.Bad { Object: "checkpoint" }
                            : outcome is AuditOutcome.Bad bad && IsAbout(bad, file);
                    }
                    finally
                    {
                        source.Objects[file] = original;
                    }
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Mutations));
    }

    [Fact]
    public void Audit_with_any_file_missing_is_bad()
    {
        var folder = Vectors.Find("tlog/golden");
        var source = MemoryTileSource.OfFolder(folder);
        foreach (
            var file in (string[])
                [
                    "tile/0/000",
                    "tile/0/273.p/112",
                    "tile/1/000",
                    "tile/1/001.p/17",
                    "tile/2/000.p/1",
                    "tile/entries/100",
                    "tile/entries/273.p/112",
                ]
        )
        {
            var original = source.Objects[file];
            source.Objects.TryRemove(file, out _);
            Assert.Equal(file, Assert.IsType<AuditOutcome.Bad>(RunSynchronously(source, Options(folder))).Object);
            source.Objects[file] = original;
        }
    }

    // A changed entry shows as a bundle that does not parse, or as a tile that it does not hash to.
    static bool IsAbout(AuditOutcome.Bad bad, string file) =>
        bad.Object == file
        || (file.StartsWith("tile/entries/", StringComparison.Ordinal) && bad.Object == "tile/0/" + file["tile/entries/".Length..]);

    // The witness is not known to the audit: its line is passed over, so long as it is a line.
    static bool IsInUnknownSignature(string file, byte[] original, int position) =>
        file == "checkpoint" && position >= original.AsSpan().LastIndexOf("— witness"u8);

    static AuditOutcome RunSynchronously(MemoryTileSource source, AuditOptions options) =>
#pragma warning disable VSTHRD002 // FsCheck's properties are synchronous
        Task.Run(() => new LogAudit(source, options).RunAsync(CancellationToken.None)).GetAwaiter().GetResult();
#pragma warning restore VSTHRD002
}
