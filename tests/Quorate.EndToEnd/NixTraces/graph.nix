# A small graph of content-addressed derivations: what they are called is known only when they were built. Or of ordinary ones.
# Their builder is the shell that every build sandbox has; only its own commands are used.
{
  salt ? "0",
  content ? true,
}:
let
  build =
    name: inputs: script:
    derivation (
      {
        inherit name salt;
        system = builtins.currentSystem;
        builder = "/bin/sh";
        args = [
          "-eu"
          "-c"
          script
        ];
      }
      // (
        if content then
          {
            __contentAddressed = true;
            outputHashMode = "recursive";
            outputHashAlgo = "sha256";
          }
        else
          { }
      )
      // inputs
    );
in
rec {
  # c -> a, b; b -> a. Two outputs; b refers to itself, which Nix hashes differently from 2.17 to 2.34.
  a =
    build "a"
      {
        outputs = [
          "out"
          "dev"
        ];
      }
      ''
        echo "a $salt" > $out
        echo "headers of $out" > $dev
      '';
  b =
    build "b"
      {
        inherit a;
        inherit (a) dev;
      }
      ''
        echo "b is $out and made of $a" > $out
      '';
  c = build "c" { inherit a b; } ''
    echo "c is made of $a and $b" > $out
  '';

  # What an attacker wants to be installed in place of c.
  evil = build "c" { } ''
    echo "not what you asked for" > $out
  '';

  # Every builder has another "noisy", and all of them the same "converge" and "top" from different inputs.
  noisy = build "noisy" { } ''
    read -r uuid < /proc/sys/kernel/random/uuid
    echo $uuid > $out
  '';
  converge = build "converge" { inherit noisy; } ''
    read -r uuid < $noisy
    echo ''${#uuid} > $out
  '';
  top = build "top" { inherit converge; } ''
    echo "top of $converge" > $out
  '';
}
