# A small graph of real derivations. Their builder is the shell that every build sandbox has, so there is no package set to
# download. They are input-addressed: all builders know the names of the outputs before anyone has built anything.
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
      }
      // inputs
    );
in
rec {
  # The good closure: welcome -> greeter -> words. Everybody builds it alike.
  words = build "words" { } ''
    printf 'agree on inputs\nagree on outputs\n' > $out
  '';
  greeter = build "greeter" { inherit words; } ''
    printf '#!/bin/sh\nwhile read -r line; do echo "$line"; done < %s\n' $words > $out
  '';
  welcome = build "welcome" { inherit greeter words; } ''
    printf '#!/bin/sh\necho Welcome.\n. %s\n# the words are from %s\n' $greeter $words > $out
  '';

  # Chuck's machine is compromised: what comes out of it under this name is not what the derivation says.
  wallet = build "wallet" { inherit words; } ''
    printf 'pay to the address that the user typed\nmotto: %s\n' $words > $out
  '';

  # Nobody can agree on this one.
  lottery = build "lottery" { inherit words; } ''
    read -r number < /proc/sys/kernel/random/uuid
    printf 'the winning number is %s\nmotto: %s\n' $number $words > $out
  '';
}
