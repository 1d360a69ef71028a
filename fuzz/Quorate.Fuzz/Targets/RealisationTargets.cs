using System.Text;
using Quorate.Nix;
using Quorate.Nix.Realisations;

namespace Quorate.Fuzz.Targets;

sealed class DrvOutputIdTarget : IFuzzTarget
{
    public string Name => "nix-drv-output-id";

    public IEnumerable<byte[]> Seeds =>
        [
            "sha256:305930caef136957a3f1bdb389980380cae6d41d0e7798eb4d34455821c9535b!out"u8.ToArray(),
            "sha256:305930caef136957a3f1bdb389980380cae6d41d0e7798eb4d34455821c9535b%21out.doi"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (DrvOutputId.TryParse(text, out var id))
        {
            FuzzException.ThrowUnless(id.ToString() == text, "an accepted identifier prints differently");
        }
        if (DrvOutputId.TryParseFileName(text, out id))
        {
            FuzzException.ThrowUnless(
                text.Replace("%21", "!", StringComparison.Ordinal) == $"{id}.doi",
                "the file name of an identifier prints differently"
            );
        }
    }
}

sealed class RealisationTarget : IFuzzTarget
{
    public string Name => "nix-realisation";

    public IEnumerable<byte[]> Seeds =>
        [
            """{"dependentRealisations":{"sha256:305930caef136957a3f1bdb389980380cae6d41d0e7798eb4d34455821c9535b!out":"y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"},"id":"sha256:7447bb4144de738a3e7084d22480f755f72971a10689d4b295a5d8709528ec4e!out","outPath":"a0hlq7qlj9alw9c14iv996jhl3x3pd7z-deferred","signatures":["lab-1:zUYmGshGvuYUrRuShLuGxSjuqPhC3HtMEEZG8DA1nUTGzktl3D7c+VIdFFVdoRC7xga/7h3SIKEBgT3IvWgVDg=="]}"""u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (Realisation.TryParse(input.ToArray(), StorePath.DefaultStoreDir, out var realisation, out _))
        {
            var again = Realisation.Parse(Encoding.UTF8.GetBytes(realisation.ToJson()), StorePath.DefaultStoreDir);
            FuzzException.ThrowUnless(again == realisation, "a realisation does not read back");
        }
    }
}

sealed class BuildTraceEntryTarget : IFuzzTarget
{
    public string Name => "nix-build-trace-entry";

    public IEnumerable<byte[]> Seeds =>
        [
            """{"key":{"drvPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv","outputName":"foo"},"value":{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":[{"keyName":"test-key","sig":"WsjxK4/EI74COtzMDI+VCjQU9O4FydK0+YeY1CE5hUevogd+T+CPvNXza7oog3GTMS+ZlBwsC2S3ppwusKnJDg=="}]}}"""u8.ToArray(),
            """{"outPath":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo","signatures":["test-key:WsjxK4/EI74COtzMDI+VCjQU9O4FydK0+YeY1CE5hUevogd+T+CPvNXza7oog3GTMS+ZlBwsC2S3ppwusKnJDg=="]}"""u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var bytes = input.ToArray();
        if (BuildTraceEntry.TryParse(bytes, StorePath.DefaultStoreDir, out var entry, out _))
        {
            FuzzException.ThrowUnless(
                BuildTraceEntry.TryParse(Encoding.UTF8.GetBytes(entry.ToJson()), StorePath.DefaultStoreDir, out var again, out _)
                    && again == entry,
                "an entry does not read back"
            );
        }
        BuildTraceKey.TryCreate(StorePath.DefaultStoreDir, "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv", "foo", out var key);
        if (BuildTraceEntry.TryParseValue(bytes, key!, out entry, out _))
        {
            FuzzException.ThrowUnless(
                BuildTraceEntry.TryParseValue(Encoding.UTF8.GetBytes(entry.ToValueJson()), key!, out var again, out _) && again == entry,
                "an entry's value does not read back"
            );
        }
    }
}
