# Evaluates the module without nixpkgs: the few functions of its `lib` that the module uses, with the same meaning, and a module system for
# one module and its user. Options that the module declares are checked; those of NixOS itself (systemd, nix, users …) take anything.
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elem
    filter
    foldl'
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    listToAttrs
    mapAttrs
    ;

  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  isOption = value: isAttrs value && value._type or "" == "option";
  names = sets: attrNames (foldl' (one: other: one // other) { } sets);

  # A definition as the values it gives, each with its priority: lower numbers win.
  discharge =
    value:
    if !isAttrs value || !(value ? _type) then
      [
        {
          priority = 100;
          inherit value;
        }
      ]
    else if value._type == "merge" then
      concatMap discharge value.contents
    else if value._type == "if" then
      (if value.condition then discharge value.content else [ ])
    else if value._type == "override" then
      map (each: each // { inherit (value) priority; }) (discharge value.content)
    else
      throw "unexpected ${value._type}";

  # Moves conditions below the names, so that the names can be seen without asking the condition, which asks for a name.
  pushDown =
    value:
    if !isAttrs value || !(value ? _type) then
      [ value ]
    else if value._type == "merge" then
      concatMap pushDown value.contents
    else if value._type == "if" then
      map (mapAttrs (_: content: lib.mkIf value.condition content)) (pushDown value.content)
    else
      map (mapAttrs (_: content: mkOverride value.priority content)) (pushDown value.content);

  strongest =
    values:
    let
      best = foldl' (a: b: if b.priority < a then b.priority else a) 9999 values;
    in
    map (each: each.value) (filter (each: each.priority == best) values);

  merge =
    path: definitions:
    let
      values = strongest (concatMap discharge definitions);
    in
    if values == [ ] then
      throw "${path} is used and not defined"
    else if all isAttrs values && !(all (value: value ? outPath) values) then
      listToAttrs (
        map (name: {
          inherit name;
          value = merge "${path}.${name}" (concatMap (value: if value ? ${name} then [ value.${name} ] else [ ]) values);
        }) (filter (name: concatMap (value: if value ? ${name} then discharge value.${name} else [ ]) values != [ ]) (names values))
      )
    else if all isList values then
      concatMap (value: value) values
    else if all (value: value == head values) values then
      head values
    else
      throw "${path} has conflicting definitions";

  mergeOption =
    path: option: definitions:
    let
      value = merge path (definitions ++ (if option ? default then [ (mkOverride 1500 option.default) ] else [ ]));
    in
    if option.type.check value then value else throw "${path} is not of type ${option.type.name}";

  mergeTree =
    path: options: definitions:
    let
      known = concatMap pushDown definitions;
    in
    listToAttrs (
      map (
        name:
        let
          below = "${path}${if path == "" then "" else "."}${name}";
          given = concatMap (value: if value ? ${name} then [ value.${name} ] else [ ]) known;
        in
        {
          inherit name;
          value =
            if !(options ? ${name}) then
              (if path == "" then foreign below given else throw "the option ${below} does not exist")
            else if isOption options.${name} then
              mergeOption below options.${name} given
            else
              mergeTree below options.${name} given;
        }
      ) (names ([ options ] ++ known))
    );

  # Null where nothing is defined: leaving the name out would need to ask the conditions too early.
  foreign = path: definitions: if concatMap discharge definitions == [ ] then null else merge path definitions;

  type = name: check: { inherit name check; };
  types = rec {
    bool = type "bool" isBool;
    str = type "str" isString;
    anything = type "anything" (_: true);
    package = type "package" (value: isString value || value ? outPath);
    ints.unsigned = type "unsigned" (value: isInt value && value >= 0);
    enum = values: type "enum" (value: elem value values);
    nullOr = inner: type "null or ${inner.name}" (value: value == null || inner.check value);
    listOf = inner: type "list of ${inner.name}" (value: isList value && all inner.check value);
    attrsOf = inner: type "attributes of ${inner.name}" (value: isAttrs value && all (name: inner.check value.${name}) (attrNames value));
  };

  lib = {
    inherit types;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption =
      what:
      lib.mkOption {
        type = types.bool;
        default = false;
        description = "Whether to enable ${what}.";
      };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkMerge = contents: {
      _type = "merge";
      inherit contents;
    };
    optionals = condition: list: if condition then list else [ ];
    optional = condition: value: lib.optionals condition [ value ];
    escapeShellArgs = words: builtins.concatStringsSep " " (map (word: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] word}'") words);
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
  };

  pkgs = {
    coreutils = "/usr";
    writeText = builtins.toFile;
    writeShellScript = name: text: builtins.toFile name "#!/bin/sh\n${text}";
  };

  undocumented =
    path: options:
    concatMap (
      name:
      let
        option = options.${name};
        below = "${path}.${name}";
      in
      if !isOption option then
        undocumented below option
      else if option ? description && length (filter (c: c != "") [ option.description ]) > 0 then
        [ ]
      else
        [ below ]
    ) (attrNames options);
in
{ module, user }:
let
  used = import module { inherit config lib pkgs; };
  config = mergeTree "" used.options [
    user
    used.config
  ];
in
{
  config = listToAttrs (
    map (name: {
      inherit name;
      value = config.${name};
    }) (filter (name: config.${name} != null) (attrNames config))
  );
  failed = map (each: each.message) (filter (each: !each.assertion) (if config.assertions == null then [ ] else config.assertions));
  undocumented = undocumented "" used.options;
}
