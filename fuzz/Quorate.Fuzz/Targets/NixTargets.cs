using System.Text;
using Quorate.Nix;
using Quorate.Nix.Doctor;
using Quorate.Nix.Store;

namespace Quorate.Fuzz.Targets;

sealed class StorePathTarget : IFuzzTarget
{
    public string Name => "nix-store-path";

    public IEnumerable<byte[]> Seeds => ["/nix/store/w3zngkrag7vnm7v1q8vnqb71q6a1w8gn-libidn2-2.3.2"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (StorePath.TryParse(text, out var path))
        {
            FuzzException.ThrowUnless(path.ToString() == text, "an accepted store path prints differently");
        }
        if (NixKeyForms.TryHashPart(input, out var hashPart))
        {
            FuzzException.ThrowUnless(NixKeyForms.LegacyKey(hashPart).AsSpan().SequenceEqual(input), "a legacy key does not read back");
        }
    }
}

sealed class NarHashTarget : IFuzzTarget
{
    public string Name => "nix-nar-hash";

    public IEnumerable<byte[]> Seeds =>
        [
            "sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0="u8.ToArray(),
            "sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq"u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (NarHash.TryParse(Encoding.Latin1.GetString(input), out var hash))
        {
            FuzzException.ThrowUnless(NarHash.TryParse(NarHash.ToSri(hash), out var again) && again == hash, "a hash does not read back");
        }
    }
}

sealed class NixClaimTarget : IFuzzTarget
{
    public string Name => "nix-claim";

    public IEnumerable<byte[]> Seeds =>
        [
            """{"path":"/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top","narHash":"sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=","narSize":216,"references":["/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf"]}"""u8.ToArray(),
            """{"path":"/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top","narHash":"sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq","narSize":1,"references":null}"""u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (NixClaim.TryParse(input, out var claim, out _))
        {
            FuzzException.ThrowUnless(NixClaim.Parse(claim.ToBytes()) == claim, "a claim does not read back");
            FuzzException.ThrowUnless(
                NixClaim.TryFrom(claim.ToOutputs(), out var again) && again == claim,
                "a claim's outputs do not read back"
            );
        }
    }
}

sealed class NarInfoTarget : IFuzzTarget
{
    public string Name => "nix-narinfo";

    public IEnumerable<byte[]> Seeds =>
        [
            """
            StorePath: /nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top
            URL: nar/1aw0q8g6hv7vadm2gzc2pilpqbls9fr784zvgbsn49dd000dpj3c.nar.xz
            Compression: xz
            FileHash: sha256:1aw0q8g6hv7vadm2gzc2pilpqbls9fr784zvgbsn49dd000dpj3c
            FileSize: 208
            NarHash: sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq
            NarSize: 216
            References: b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf w39bcnid1klz7bjcfiq1dmnhivm9735n-top
            Deriver: fqhyqvd0b8r1jnyjds9nkk1k59anmn1f-top.drv
            Sig: lab-1:hnPjJlQFLAlalY9/7L963/mBA4zCN+ywXwelsunYhpCVY2ZZFfzWGC0qQ1ebQRLx2eAmII6sNP4qteABWILtCg==
            CA: fixed:r:sha256:1bdjj7a639p2j2wfi72qpskkfg5w7f2n3xw9ksdjfvaghkzjrlvq

            """u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (NarInfo.TryParse(input, StorePath.DefaultStoreDir, out var info, out _))
        {
            var again = NarInfo.Parse(Encoding.ASCII.GetBytes(info.ToText()), StorePath.DefaultStoreDir);
            FuzzException.ThrowUnless(again == info, "a narinfo file does not read back");
        }
    }
}

sealed class NixCacheInfoTarget : IFuzzTarget
{
    public string Name => "nix-cache-info";

    public IEnumerable<byte[]> Seeds => ["StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (NixCacheInfo.TryParse(input, out var info, out _))
        {
            var again = NixCacheInfo.TryParse(Encoding.ASCII.GetBytes(info.ToText()), out var read, out _) && read == info;
            FuzzException.ThrowUnless(again, "what a cache says of itself does not read back");
        }
    }
}

sealed class NixSettingsTarget : IFuzzTarget
{
    public string Name => "nix-settings";

    public IEnumerable<byte[]> Seeds =>
        ["substituters = http://127.0.0.1:8098\nextra-trusted-users = @wheel\ninclude x # y\nrequire-sigs = false\n"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        var gate = new Uri("http://127.0.0.1:8098");
        NixDoctor.Examine(NixSettings.ParseFile(text, _ => null), gate, gateKey: null);
        NixDoctor.Examine(NixSettings.ParseShown(text), gate, gateKey: null);
    }
}

sealed class NixVersionTarget : IFuzzTarget
{
    public string Name => "nix-version";

    public IEnumerable<byte[]> Seeds =>
        ["nix-store (Nix) 2.34.8\n"u8.ToArray(), "nix-store (Lix, like Nix) 2.91.1\nSystem type: x86_64-linux\n"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        if (NixVersion.TryParse(Encoding.Latin1.GetString(input), out var version))
        {
            FuzzException.ThrowUnless(
                NixVersion.TryParse($"({version.Flavor}){version.Version}", out var again) && again == version,
                "a version that was read does not read back"
            );
        }
    }
}

sealed class CacheNameTarget : IFuzzTarget
{
    public string Name => "nix-cache-name";

    public IEnumerable<byte[]> Seeds => ["w3zngkrag7vnm7v1q8vnqb71q6a1w8gn.narinfo"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        if (BinaryCacheNames.TryNarInfo(text, out var hashPart))
        {
            FuzzException.ThrowUnless(BinaryCacheNames.NarInfo(hashPart) == text, "the name of a narinfo does not read back");
        }
    }
}
