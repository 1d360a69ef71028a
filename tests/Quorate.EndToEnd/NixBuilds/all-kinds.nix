# Derivations of every kind, each depending on others in the ways that matter for resolution. Their builder is the shell of the sandbox.
let
  shell =
    name: attributes: script:
    derivation (
      {
        inherit name;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-eu"
          "-c"
          script
        ];
      }
      // attributes
    );
  floating =
    name: attributes:
    shell name (
      {
        __contentAddressed = true;
        outputHashMode = "recursive";
        outputHashAlgo = "sha256";
      }
      // attributes
    );
  fixed =
    name: algorithm: hash: attributes:
    shell name (
      {
        outputHashMode = "flat";
        outputHashAlgo = algorithm;
        outputHash = hash;
      }
      // attributes
    );
  hex = builtins.hashString "sha256" "leaf\n";
in
rec {
  source = builtins.toFile "source.txt" "a source\n";

  # Content-addressed: a -> b -> c, with several outputs, a self-reference, sources and bytes that must be escaped.
  leaf = fixed "leaf.txt" "sha256" hex { } "echo leaf > $out";
  a = floating "a" {
    outputs = [
      "out"
      "dev"
    ];
    odd = "tab\tline\nreturn\rquote\"backslash\\ umlaut ä \${x}";
    inherit source;
  } "echo a > $out; echo $out > $dev";
  b = floating "b" { inherit (a) dev; } "read -r a < $dev; echo $a and $out > $out";
  c = floating "c" { inherit leaf b source; } "echo $leaf $b $source > $out";
  structured = floating "structured" {
    __structuredAttrs = true;
    numbers = [
      1
      2.5
      true
      null
    ];
    nested.input = a.dev;
  } ''
    read -r json < .attrs.json || true
    out=''${json#*\"outputs\":\{\"out\":\"}
    echo structured > "''${out%%\"*}"
  '';

  # The names of two variables are promises, which the evaluator lets pass only where it does not see them.
  renamed = floating "renamed" {
    "${builtins.unsafeDiscardStringContext a}" = "1";
    "${builtins.unsafeDiscardStringContext a.dev}/x" = "2";
    "/nix/m" = "3";
    uses = [ a a.dev ];
  } "echo renamed > $out";

  # Input-addressed, but its paths depend on what a is; and one more upon it.
  deferred = shell "deferred" {
    outputs = [
      "out"
      "doc"
    ];
    inherit a;
  } "echo $a > $out; echo $out > $doc";
  deferred2 = shell "deferred2" { inherit (deferred) doc; inherit leaf; } "echo $doc > $out";

  # Input-addressed throughout. The two mirrors fetch the same content, so the libraries on them are the same modulo where it is from.
  mirror1 = fixed "mirror.txt" "sha256" hex { url = "one"; } "echo leaf > $out";
  mirror2 = fixed "mirror.txt" "sha256" hex { url = "two"; } "echo leaf > $out";
  library1 = shell "library" { outputs = [ "out" "dev" ]; mirror = mirror1; } "echo l > $out; echo d > $dev";
  library2 = shell "library" { outputs = [ "out" "dev" ]; mirror = mirror2; } "echo l > $out; echo d > $dev";
  plain = shell "plain" { one = library1; two = library2.dev; inherit source; } "echo $one $two > $out";

  # Only looked at.
  onlyLookedAt = map (d: d.drvPath) [
    flat
    impure
    (fixed "sha1" "sha1" (builtins.hashString "sha1" "x") { } "")
    (fixed "sha512" "sha512" (builtins.hashString "sha512" "x") { } "")
    (fixed "md5" "md5" (builtins.hashString "md5" "x") { } "")
    (fixed "tree" "sha256" hex { outputHashMode = "recursive"; } "")
    (fixed "tree512" "sha512" (builtins.hashString "sha512" "x") { outputHashMode = "recursive"; } "")
  ];
  flat = floating "flat" { outputHashMode = "flat"; inherit source; } "echo flat > $out";
  impure = shell "impure" { __impure = true; inherit leaf; } "echo impure > $out";

  # A derivation that a build writes, and one that uses what that one builds (since Nix 2.19). The slash of the inner placeholder is kept
  # apart, or it would be taken for a promise of this derivation.
  written = floating "written.drv" { outputHashMode = "text"; } ''
    echo -n 'Derive([("out","","r:sha256","")],[],[],"${builtins.currentSystem}","/bin/sh",["-c","echo dynamic > $out"],[("out","/'${
      builtins.substring 1 52 (builtins.placeholder "out")
    }'")])' > $out
  '';
  dynamic = floating "dynamic" { used = builtins.outputOf written.outPath "out"; } "read -r x < $used; echo $x > $out";

  all = [ c structured renamed deferred2 plain ];
}
