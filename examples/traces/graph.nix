# A small closure of content-addressed derivations: what they are called is known only when they were built. Their builder is the shell that every build
# sandbox has, so there is no package set to download.
let
  build =
    name: inputs: script:
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
        __contentAddressed = true;
        outputHashMode = "recursive";
        outputHashAlgo = "sha256";
      }
      // inputs
    );

  words = build "words" { } ''
    printf 'agree on inputs\nagree on outputs\n' > $out
  '';
  greeter = build "greeter" { inherit words; } ''
    printf '#!/bin/sh\nwhile read -r line; do echo "$line"; done < %s\n' $words > $out
  '';
in
build "welcome" { inherit greeter words; } ''
  printf '#!/bin/sh\necho Welcome.\n. %s\n# the words are from %s\n' $greeter $words > $out
''
