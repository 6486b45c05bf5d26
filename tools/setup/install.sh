#!/bin/sh
# Installs the programs for people: berth, its gateway berth-serve, pack and exposure beside cargo's other programs (or below the folder given:
# PREFIX/bin), and berth's completions where bash, zsh and fish look for them.
set -eu

cd "$(dirname -- "$0")/../.."
prefix=${1-}
for package in berth gateway pack exposure; do
    # shellcheck disable=SC2086  # no words without a prefix
    cargo install --quiet --locked --force --path "tools/$package" ${prefix:+--root "$prefix"}
done

if [ -n "$prefix" ]; then
    bin=$prefix/bin share=$prefix/share
    fish=$share/fish/vendor_completions.d
else
    bin=${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin
    share=${XDG_DATA_HOME:-$HOME/.local/share}
    fish=${XDG_CONFIG_HOME:-$HOME/.config}/fish/completions
fi
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$fish"
"$bin/berth" completions bash >"$share/bash-completion/completions/berth"
"$bin/berth" completions zsh >"$share/zsh/site-functions/_berth"
"$bin/berth" completions fish >"$fish/berth.fish"
echo "berth, berth-serve, pack and exposure are in $bin"
case :$PATH: in
    *":$bin:"*) ;;
    *) echo "which is not in your PATH: export PATH=\"$bin:\$PATH\"" ;;
esac
