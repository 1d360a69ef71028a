# NixOS module of Quorate: the node, and what uses it on the same machine. docs/nixos.md is its manual.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    escapeShellArgs
    mkDefault
    mkEnableOption
    mkForce
    mkIf
    mkMerge
    mkOption
    optional
    optionals
    types
    ;
  cfg = config.services.quorate;
  state = "/var/lib/quorate";
  socket = "/run/quorate/control.socket";

  # JSON is YAML; what is in here can be read by every user, so keys are named and never contained.
  configuration = pkgs.writeText "quorate.yaml" (builtins.toJSON cfg.settings);

  # Nix runs one program without arguments, and a failing hook would stop the build.
  hookOptions = [
    "--node=${cfg.hook.node}"
    "--spool=${state}/spool"
  ]
  ++ optional (cfg.hook.log != null) "--log=${cfg.hook.log}"
  ++ optionals (cfg.hook.claimKeyFile != null) (
    [
      "--claim-key=${cfg.hook.claimKeyFile}"
      "--trace-log=${toString cfg.hook.traceLog}"
      "--format=${cfg.hook.format}"
    ]
    ++ optionals cfg.hook.inputAddressed [
      "--input-addressed"
      "--view-cache=${cfg.hook.viewCache}"
    ]
    ++ optional cfg.hook.dependencies "--dependencies"
    ++ optional cfg.hook.includePreimage "--include-preimage"
    ++ optional (cfg.hook.builderSoftware.uri != null) "--builder-software=${cfg.hook.builderSoftware.uri}"
    ++ map (scheme: "--builder-software-digest=${scheme}=${cfg.hook.builderSoftware.digests.${scheme}}") (
      builtins.attrNames cfg.hook.builderSoftware.digests
    )
  );
  hook = pkgs.writeShellScript "quorate-post-build-hook" ''
    [ -n "''${OUT_PATHS:-}''${DRV_PATH:-}" ] || exit 0
    ${cfg.package}/bin/quorate nix hook run ${escapeShellArgs hookOptions}
    exit 0
  '';
in
{
  options.services.quorate = {
    enable = mkEnableOption "the Quorate node: signed build logs, decisions and gates";

    package = mkOption {
      type = types.package;
      description = "Package with `bin/quorated` and `bin/quorate`.";
    };

    settings = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      example = {
        publish = [
          {
            name = "alice";
            protocol = "nix";
            signer = "alice";
            filter.deny = [ "acme-*" ];
          }
        ];
        signers.alice.path = "/var/lib/quorate/alice.key";
      };
      description = ''
        What `quorate.yaml` says, as an attribute set (docs/configuration.md). It is readable by every user of the machine: name key files by
        absolute paths outside of the Nix store, mode 0600, owned by the user `quorate`.
      '';
    };

    gate = {
      enable = mkEnableOption "the gate: a binary cache that has only what your trust model accepts";

      listen = mkOption {
        type = types.str;
        default = "http://127.0.0.1:8098";
        description = "Where Nix reaches the gate.";
      };

      signingKeyFile = mkOption {
        type = types.str;
        default = "${state}/gate.secret";
        description = ''
          The key that the gate signs accepted paths with, as `nix-store --generate-binary-cache-key` makes it; readable by the user
          `quorate` alone.
        '';
      };

      publicKey = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "gate-1:AAAA…=";
        description = "The public half of that key; needed for `useForNix`.";
      };

      upstreams = mkOption {
        type = types.listOf types.str;
        default = [ "https://cache.nixos.org" ];
        description = "Binary caches that bytes come from. They are not trusted: the gate serves what was decided, and Nix checks the hash.";
      };

      rule = mkOption {
        type = types.str;
        default = "";
        example = "2 of (nixos, my-rebuilder, friend)";
        description = "Whose agreement makes a path acceptable (docs/trust-models.md). The builders are those of `settings.follow` and `settings.publish`.";
      };

      mode = mkOption {
        type = types.enum [
          "report"
          "enforce"
        ];
        default = "report";
        description = "`report` serves everything and records what would have been refused; `enforce` refuses it.";
      };

      priority = mkOption {
        type = types.ints.unsigned;
        default = 40;
        description = "Nix asks caches with lower numbers first.";
      };

      useForNix = mkOption {
        type = types.bool;
        default = false;
        description = ''
          Make the gate the only binary cache of this machine: replaces `nix.settings.substituters` and `trusted-public-keys`, and requires
          signatures. A second way in would be a way around the gate.
        '';
      };
    };

    hook = {
      enable = mkEnableOption "the post-build hook: publishes claims about what this machine builds. Publishing cannot be undone: set `filter` of the log first";

      node = mkOption {
        type = types.str;
        default = "unix://${socket}";
        description = "The control listener of the node that keeps the log.";
      };

      log = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The log that claims go to; null for the node's only log of protocol `nix`.";
      };

      claimKeyFile = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "${state}/claims.key";
        description = ''
          Sign every build as a build trace, too, with this key: one that `nix-store --generate-binary-cache-key` made and that signs nothing
          else, readable by root alone. Needs `traceLog`.
        '';
      };

      traceLog = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The node's log of protocol `nix-trace` that the signed claims go to.";
      };

      format = mkOption {
        type = types.enum [
          "bundle"
          "jws2"
          "jws3"
        ];
        default = "bundle";
        description = "How the claims are written (docs/formats/nix-traces.md).";
      };

      inputAddressed = mkOption {
        type = types.bool;
        default = false;
        description = ''
          Sign input-addressed builds too, which most are, by their content-addressed view. All that a build was made from is read once for it.
        '';
      };

      viewCache = mkOption {
        type = types.str;
        default = "/var/cache/quorate/views";
        description = "Where views are kept between builds: a directory of root's that nobody else may open; `none` for nowhere.";
      };

      dependencies = mkOption {
        type = types.bool;
        default = false;
        description = "List each build's inputs in its claim, for readers without the derivation.";
      };

      includePreimage = mkOption {
        type = types.bool;
        default = false;
        description = "Put the resolved derivation's whole text into each claim, for debugging.";
      };

      builderSoftware = {
        uri = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "github:example/builders?rev=0123456789abcdef0123456789abcdef01234567";
          description = "What each claim says of this builder's own software: a flake reference or URL.";
        };

        digests = mkOption {
          type = types.attrsOf types.str;
          default = { };
          example = {
            gitCommit = "0123456789abcdef0123456789abcdef01234567";
          };
          description = "Its digests, by scheme.";
        };
      };
    };

    witness = {
      enable = mkEnableOption "the witness: cosigns checkpoints of other logs that grow consistently";

      name = mkOption {
        type = types.str;
        default = "";
        example = "witness.example/w";
        description = "Names the witness's key in its cosignatures.";
      };

      keyFile = mkOption {
        type = types.str;
        default = "${state}/witness.key";
        description = "The witness's private key (`quorate key new`). It must sign nothing else.";
      };

      logs = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Verifier keys of the logs that are cosigned.";
      };
    };
  };

  config = mkMerge [
    (mkIf cfg.enable {
      services.quorate.settings = mkMerge [
        {
          node = {
            state = mkDefault state;
            control = mkDefault "unix://${socket}";
          };
        }
        (mkIf cfg.gate.enable {
          trust.nix.rule = cfg.gate.rule;
          gate.nix = {
            inherit (cfg.gate)
              listen
              upstreams
              mode
              priority
              ;
            signing_key = cfg.gate.signingKeyFile;
          };
        })
        (mkIf cfg.witness.enable {
          signers.witness = {
            type = "ed25519";
            path = cfg.witness.keyFile;
          };
          witness = {
            inherit (cfg.witness) name logs;
            signer = "witness";
          };
        })
      ];

      assertions = [
        {
          assertion = cfg.gate.enable -> cfg.gate.rule != "";
          message = "services.quorate.gate.rule: a gate without a rule would accept nothing";
        }
        {
          assertion = cfg.gate.useForNix -> cfg.gate.enable && cfg.gate.publicKey != null;
          message = "services.quorate.gate.useForNix needs gate.enable and gate.publicKey";
        }
        {
          assertion = cfg.witness.enable -> cfg.witness.name != "" && cfg.witness.logs != [ ];
          message = "services.quorate.witness: cosignatures need a name, and logs to cosign for";
        }
        {
          assertion = cfg.settings.node.state == state;
          message = "services.quorate.settings.node.state: the service's sandbox lets it write to ${state} only";
        }
      ];

      environment.systemPackages = [ cfg.package ];
      environment.etc."quorate/quorate.yaml".source = configuration;

      users.users.quorate = {
        isSystemUser = true;
        group = "quorate";
        description = "Quorate node";
      };
      users.groups.quorate = { };

      systemd.services.quorated = {
        description = "Quorate node: signed build logs, decisions and gates";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        # A changed file is reloaded; only what needs it restarts the node.
        reloadTriggers = [ "${configuration}" ];
        serviceConfig = {
          Type = "notify";
          ExecStartPre = "${cfg.package}/bin/quorated --check-config --config /etc/quorate/quorate.yaml";
          ExecStart = "${cfg.package}/bin/quorated --config /etc/quorate/quorate.yaml";
          ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
          Restart = "on-failure";
          RestartSec = 2;
          TimeoutStopSec = 60;
          TimeoutStartSec = "10min";
          WatchdogSec = 60;

          User = "quorate";
          Group = "quorate";
          UMask = "0027";
          StateDirectory = "quorate";
          StateDirectoryMode = "0700";
          RuntimeDirectory = "quorate";
          RuntimeDirectoryMode = "0750";
          RuntimeDirectoryPreserve = true;

          NoNewPrivileges = true;
          ProtectSystem = "strict";
          ProtectHome = true;
          PrivateTmp = true;
          PrivateDevices = true;
          ProtectClock = true;
          ProtectControlGroups = true;
          ProtectHostname = true;
          ProtectKernelLogs = true;
          ProtectKernelModules = true;
          ProtectKernelTunables = true;
          ProtectProc = "invisible";
          RestrictAddressFamilies = [
            "AF_INET"
            "AF_INET6"
            "AF_UNIX"
            "AF_NETLINK"
          ];
          RestrictNamespaces = true;
          RestrictRealtime = true;
          RestrictSUIDSGID = true;
          LockPersonality = true;
          RemoveIPC = true;
          CapabilityBoundingSet = "";
          AmbientCapabilities = "";
          SystemCallArchitectures = "native";
          SystemCallFilter = [
            "@system-service"
            "~@privileged"
          ];
          SystemCallErrorNumber = "EPERM";
          LimitNOFILE = 65536;
          LimitCORE = 0;
          Environment = "DOTNET_EnableDiagnostics=0";
        };
      };

      nix.settings = mkIf cfg.gate.useForNix {
        substituters = mkForce [ cfg.gate.listen ];
        trusted-public-keys = mkForce [ cfg.gate.publicKey ];
        require-sigs = true;
        # A refusal is a 404, which Nix would remember for an hour.
        narinfo-cache-negative-ttl = 60;
      };
    })
    # The hook needs a node, but not one on this machine.
    (mkIf cfg.hook.enable {
      nix.settings.post-build-hook = "${hook}";
      assertions = [
        {
          assertion = (cfg.hook.claimKeyFile == null) == (cfg.hook.traceLog == null);
          message = "services.quorate.hook: claimKeyFile and traceLog go together; what is signed has to go somewhere";
        }
        {
          assertion = cfg.hook.inputAddressed -> cfg.hook.claimKeyFile != null && cfg.hook.format != "jws2";
          message = "services.quorate.hook.inputAddressed needs claimKeyFile, and a format that can say so: bundle or jws3";
        }
        {
          assertion =
            cfg.hook.format != "bundle"
            -> !cfg.hook.dependencies && cfg.hook.builderSoftware.uri == null;
          message = "services.quorate.hook.format: a JWS has no place for dependencies or builderSoftware";
        }
        {
          assertion = cfg.hook.builderSoftware.digests != { } -> cfg.hook.builderSoftware.uri != null;
          message = "services.quorate.hook.builderSoftware.digests say something of its uri, which is not given";
        }
      ];
    })
  ];
}
