using System.Text;
using Quorate.Nix;
using Quorate.Nix.Derivations;

namespace Quorate.Fuzz.Targets;

sealed class DerivationTarget : IFuzzTarget
{
    public string Name => "nix-derivation";

    public IEnumerable<byte[]> Seeds =>
        [
            """Derive([("dev","","r:sha256",""),("out","","r:sha256","")],[("/nix/store/csp0vnwsa0dgvgp9h2bvl2x27d2hqm8b-a.drv",["dev","out"])],["/nix/store/fya2bjqdwmlky7n4nxijigp7mk1kl5rh-src.txt"],"x86_64-linux","/bin/\"sh\"",["-c","a\\b\n"],[("A\tB","\r"),("/0","/01d1am4a5i8v5f3j9v1cz01b65gnb24dvhqqm7idxjj9xl9y4wlb/x")])"""u8.ToArray(),
            """DrvWithVersion("xp-dyn-drv",[("out","","","")],[("/nix/store/97v13nv6iy2ygav58ksd3nbvb141p192-hello.drv.drv",([],[("out",["out"])]))],[],"x86_64-linux","/bin/sh",[],[("out",""),("x","/1vz80ky36k2xx3yqi71ndgmfpq0q1b5hnnlb9kklcpmdfyp1mp4n")])"""u8.ToArray(),
            """Derive([("out","/nix/store/a26xf4kfbry0pp70qddjg83x30iv4dfx-leaf.txt","md5","00000000000000000000000000000000")],[],[],"x86_64-linux","/bin/sh",[],[])"""u8.ToArray(),
        ];

    public void Run(ReadOnlySpan<byte> input)
    {
        var aterm = input.ToArray();
        if (!Derivation.TryParse(aterm, StorePath.DefaultStoreDir, out var derivation, out _))
        {
            return;
        }
        var printed = DerivationParts.Of(derivation).ToDerivation();
        FuzzException.ThrowUnless(printed.AtermBytes.Span.SequenceEqual(aterm), "an accepted derivation prints differently");
        // Every used output gets a path that looks like a derivation's, so that dynamic inputs resolve too.
        var resolved = DerivationResolution.Resolve(derivation, "x", (path, _) => path);
        FuzzException.ThrowUnless(resolved is { Derivation.Inputs.IsEmpty: true }, "a resolved derivation has inputs");
        DerivationPaths.AreOutputPathsRight(derivation, "x", new ModuloHashes(_ => derivation), out _);
    }
}

sealed class ResolvedInputHashTarget : IFuzzTarget
{
    public string Name => "nix-resolved-input-hash";

    public IEnumerable<byte[]> Seeds => ["gy2z3n5w3nr0p2xgwnaah0dmkrkjlj7r"u8.ToArray()];

    public void Run(ReadOnlySpan<byte> input)
    {
        var text = Encoding.Latin1.GetString(input);
        FuzzException.ThrowUnless(
            ResolvedInputHash.TryParse(text, out var hash) == (hash.ToString() == text),
            "a resolved input hash prints differently"
        );
    }
}
