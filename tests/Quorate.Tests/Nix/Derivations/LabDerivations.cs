using Quorate.Nix;
using Quorate.Nix.Derivations;

namespace Quorate.Tests.Nix.Derivations;

/// <summary>What real Nix wrote for two of the derivations in <c>tests/Quorate.EndToEnd/NixBuilds/all-kinds.nix</c>; 2.8.0, 2.26.3 and 2.34.8 alike.</summary>
static class LabDerivations
{
    /// <summary>Floating, without inputs, with bytes that are escaped and some that are not ASCII.</summary>
    public const string A = """
        Derive([("dev","","r:sha256",""),("out","","r:sha256","")],[],["/nix/store/arh7nb86h4wx19as88q85zcl0xm86h1r-source.txt"],"x86_64-linux","/bin/sh",["-eu","-c","echo a > $out; echo $out > $dev"],[("builder","/bin/sh"),("dev","/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz"),("name","a"),("odd","tab\tline\nreturn\rquote\"backslash\\ umlaut ä ${x}"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"),("outputHashAlgo","sha256"),("outputHashMode","recursive"),("outputs","out dev"),("source","/nix/store/arh7nb86h4wx19as88q85zcl0xm86h1r-source.txt"),("system","x86_64-linux")])
        """;

    public const string Deferred = """
        Derive([("doc","","",""),("out","","","")],[("/nix/store/79lzxj70kpqvhwbk42p6qz6a6ggscch8-a.drv",["out"])],[],"x86_64-linux","/bin/sh",["-eu","-c","echo $a > $out; echo $out > $doc"],[("a","/07aalvfxgn9wfp2yg1mm6drk36vdnm5b1lm4895mkhl1lglin5y8"),("builder","/bin/sh"),("doc",""),("name","deferred"),("out",""),("outputs","out doc"),("system","x86_64-linux")])
        """;

    /// <summary><see cref="Deferred"/> with <see cref="AOut"/>.</summary>
    public const string Filled = """
        Derive([("doc","/nix/store/a6wd6wjwvhvi0fa0qlj29k6az3bv7h2c-deferred-doc","",""),("out","/nix/store/a0hlq7qlj9alw9c14iv996jhl3x3pd7z-deferred","","")],[],["/nix/store/y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"],"x86_64-linux","/bin/sh",["-eu","-c","echo $a > $out; echo $out > $doc"],[("a","/nix/store/y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a"),("builder","/bin/sh"),("doc","/nix/store/a6wd6wjwvhvi0fa0qlj29k6az3bv7h2c-deferred-doc"),("name","deferred"),("out","/nix/store/a0hlq7qlj9alw9c14iv996jhl3x3pd7z-deferred"),("outputs","out doc"),("system","x86_64-linux")])
        """;

    /// <summary>Floating, upon <see cref="Deferred"/>.</summary>
    public const string OverDeferred = """
        Derive([("out","","r:sha256","")],[("/nix/store/7vkahvq3gz3ggs95pxfs19acz39qqprm-deferred.drv",["out"])],[],"x86_64-linux","/bin/sh",["-eu","-c","echo constant > $out"],[("builder","/bin/sh"),("name","over"),("out","/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"),("system","x86_64-linux")])
        """;

    public static StorePath APath => DerivationSamples.Path("79lzxj70kpqvhwbk42p6qz6a6ggscch8-a.drv");

    public static StorePath AOut => DerivationSamples.Path("y9xsr1hg3kf7xbva2dgqpagj6x6555a3-a");

    public static StorePath DeferredPath => DerivationSamples.Path("7vkahvq3gz3ggs95pxfs19acz39qqprm-deferred.drv");

    public static StorePath FilledPath => DerivationSamples.Path("c4ggi128hqxiql9n7027xjg265vplgg3-deferred.drv");

    public static StorePath OverDeferredPath => DerivationPaths.Of(Parse(OverDeferred), "over");

    public static Derivation Parse(string text) => Derivation.Parse(System.Text.Encoding.UTF8.GetBytes(text), StorePath.DefaultStoreDir);

    public static ModuloHashes Hashes => new(path => path == APath ? Parse(A) : null);
}
