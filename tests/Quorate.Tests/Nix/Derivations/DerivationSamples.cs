using System.Text;
using Quorate.Nix;
using Quorate.Nix.Derivations;

namespace Quorate.Tests.Nix.Derivations;

/// <summary>Small derivations to start from.</summary>
static class DerivationSamples
{
    public const string Fixed =
        """Derive([("out","/nix/store/a26xf4kfbry0pp70qddjg83x30iv4dfx-leaf.txt","sha256","5c0f2b8f1e8f1b8f1e8f1b8f1e8f1b8f1e8f1b8f1e8f1b8f1e8f1b8f1e8f1b8f")],[],[],"x86_64-linux","/bin/sh",["-c","echo > $out"],[("name","leaf.txt")])""";

    /// <summary>Floating, with an input, escapes in every place that may have some, and bytes that are not UTF-8.</summary>
    public const string Floating =
        """Derive([("dev","","r:sha256",""),("out","","r:sha256","")],[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a.drv",["dev","out"])],["/nix/store/fya2bjqdwmlky7n4nxijigp7mk1kl5rh-src.txt"],"x86_64-linux","/bin/\"sh\"",["-c","a\\b\n"],[("A\tB","\r"),("dev","/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz"),("up","/01d1am4a5i8v5f3j9v1cz01b65gnb24dvhqqm7idxjj9xl9y4wlb/x")])""";

    public const string Dynamic =
        """DrvWithVersion("xp-dyn-drv",[("out","","sha256","")],[("/nix/store/97v13nv6iy2ygav58ksd3nbvb141p192-hello.drv.drv",([],[("out",["out"])]))],[],"x86_64-linux","/bin/sh",[],[("x","/1vz80ky36k2xx3yqi71ndgmfpq0q1b5hnnlb9kklcpmdfyp1mp4n")])""";

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static Derivation Parse(string text) => Derivation.Parse(Bytes(text), StorePath.DefaultStoreDir);

    public static string Text(Derivation derivation) => Encoding.Latin1.GetString(derivation.AtermBytes.Span);

    public static StorePath Path(string baseName) => StorePath.Parse("/nix/store/" + baseName);
}
