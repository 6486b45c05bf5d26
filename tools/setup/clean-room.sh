#!/bin/sh
# Runs commands of the README (`make demo` and `make test`, unless others are given) where nothing is but what the
# README names: in a minimal Debian that debootstrap makes below target/clean-room, from the mirror of this machine's
# own apt, in a fresh clone of the last commit. As root.
#
# Of this machine it takes the way to the network (resolver, proxies, certificates) and the Rust toolchain of
# rust-toolchain.toml, read-only; crates, Python and Debian packages are fetched anew.
#
#   tools/setup/clean-room.sh [COMMAND...]
#
# Exit codes: that of the first command that fails; 2 if the room cannot be made.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
project=$(CDPATH='' cd -- "$here/../.." && pwd)
place=$project/target/clean-room
room=$place/root
suite=bookworm

fail() { echo "clean room: $*" >&2; exit 2; }

[ "$(id -u)" = 0 ] || fail "needs root: sudo make clean-room"
[ $# -gt 0 ] || set -- 'make demo' 'make test'
# In namespaces of its own, so that nothing stays mounted and nothing goes on, whatever happens.
if [ "$1" != --inside ]; then
    exec unshare --mount --pid --fork --kill-child --ipc --uts "$0" --inside "$@"
fi
shift
mount --make-rprivate /

version=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' "$project/rust-toolchain.toml")
sysroot=$(cd "$project" && rustc --print sysroot)
host=$(cd "$project" && rustc -vV | sed -n 's/^host: //p')
proxies=$(env | grep -iE '^(https?|no)_proxy=' || true)

mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | sed -n "s/ $suite\$//p" | head -n 1)
[ -n "$mirror" ] || fail "apt of this machine knows no mirror with Debian $suite"

rm -rf --one-file-system "$room"
mkdir -p "$place"
echo "== clean room: a minimal Debian"
debootstrap --variant=minbase "$suite" "$room" "$mirror" >"$place/debootstrap.log" 2>&1 || {
    tail "$place/debootstrap.log" >&2
    fail "debootstrap failed"
}
for way in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -e "$way" ] || cp -L "$way" "$room$way"
done
# What README.md says one has; the certificates come with whatever fetches rustup.
chroot "$room" env DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get update && apt-get install -y git make gcc python3 python3-venv ca-certificates' >"$place/apt.log" 2>&1 || {
    tail "$place/apt.log" >&2
    fail "the packages that README.md names cannot be installed"
}
for certificate in /usr/local/share/ca-certificates/*.crt; do
    [ ! -e "$certificate" ] || cp "$certificate" "$room/usr/local/share/ca-certificates/"
done
chroot "$room" update-ca-certificates >>"$place/apt.log" 2>&1

# rustup as its installer leaves it.
mkdir -p "$room/root/.cargo/bin" "$room/root/.rustup/toolchains"
rustup=$(command -v rustup) || fail "no rustup on this machine"
cp -L "$rustup" "$room/root/.cargo/bin/rustup"
for name in cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver; do
    ln -s rustup "$room/root/.cargo/bin/$name"
done
printf 'version = "12"\nprofile = "minimal"\ndefault_toolchain = "%s-%s"\n' "$version" "$host" >"$room/root/.rustup/settings.toml"

toolchain=$room/root/.rustup/toolchains/$version-$host
mkdir "$toolchain"
mount --bind "$sysroot" "$toolchain"
mount -o remount,bind,ro "$toolchain"

git clone --quiet --no-hardlinks "$project" "$room/root/berth"

mountpoint -q "$room/proc" || mount -t proc proc "$room/proc"
mount -t tmpfs -o mode=0755 dev "$room/dev"
for node in null zero full random urandom tty; do
    : >"$room/dev/$node"
    mount --bind "/dev/$node" "$room/dev/$node"
done
mkdir "$room/dev/pts" "$room/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$room/dev/pts"
mount -t tmpfs -o mode=1777 shm "$room/dev/shm"
ln -s pts/ptmx "$room/dev/ptmx"
ln -s /proc/self/fd "$room/dev/fd"

for command in "$@"; do
    echo "== clean room: $command"
    # shellcheck disable=SC2086  # proxies are a list of assignments
    env -i HOME=/root PATH=/root/.cargo/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 TERM=dumb $proxies \
        chroot "$room" sh -c "cd /root/berth && $command" </dev/null
done
