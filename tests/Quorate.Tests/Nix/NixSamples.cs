using System.Text;
using Quorate.Crypto.Keys;
using Quorate.Nix;

namespace Quorate.Tests.Nix;

/// <summary>What real Nix 2.8.0 printed for small builds that anyone can repeat; the signing key was made for this purpose.</summary>
static class NixSamples
{
    public const string KeyName = "lab-1";
    public const string KeySecret = "MZ2o079ogSzGwPasUzZB2u3LNYozIb7sW4OWObMjf5odRUpVDSa/YWZ1jS+zPHqHkHXVpZxAJpDHROBxx92t6Q==";
    public const string KeyPublic = "HUVKVQ0mv2FmdY0vszx6h5B11aWcQCaQx0Tgccfdrek=";

    public const string TopPath = "/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top";
    public const string LeafPath = "/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf";

    public const string Top = """
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

        """;

    public const string SourceTree = """
        StorePath: /nix/store/d9ss8h6050zszkfan5pyf7jj77m5x8vg-srcdir
        URL: nar/0ilvq37lyv4pbwj6vchv945qwbqpzpp6x0qbiahwm42xfxvhmj1j.nar.xz
        Compression: xz
        FileHash: sha256:0ilvq37lyv4pbwj6vchv945qwbqpzpp6x0qbiahwm42xfxvhmj1j
        FileSize: 168
        NarHash: sha256:18l2zj8v9v7ywhnxhbvn50dldj0h6nzfi1nii2xd79nkj6ivx2cm
        NarSize: 288
        References: 
        Sig: lab-1:FUstEXXZt/NiZeac9fjpxJOF37tX+phc/qvbZMiwfjy9mENc2INnu6iJD47IbXn6uw7FwMN28lRkHVcPIzd1AQ==
        CA: fixed:r:sha256:18l2zj8v9v7ywhnxhbvn50dldj0h6nzfi1nii2xd79nkj6ivx2cm

        """;

    /// <summary>The claim that a Go Trustix hook logs for the path of <see cref="Top"/>.</summary>
    public const string TopClaim =
        """{"path":"/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top","narHash":"sha256-eNMs/4RPbSebnon3YYU7vDw3p75YnOi4kOKmYdSRsq0=","narSize":216,"references":["/nix/store/b85da8d07mwiqcfvb4bbyqs893qpfzrv-leaf","/nix/store/w39bcnid1klz7bjcfiq1dmnhivm9735n-top"]}""";

    public static NixCachePublicKey PublicKey =>
        NixCachePublicKey.TryParse($"{KeyName}:{KeyPublic}", out var key) ? key : throw new InvalidOperationException();

    public static NixCacheSecretKey SecretKey => NixCacheSecretKey.Parse(Bytes($"{KeyName}:{KeySecret}"));

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static NarInfo Info(string text) => NarInfo.Parse(Bytes(text), StorePath.DefaultStoreDir);
}
