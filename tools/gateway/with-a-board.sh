#!/bin/sh
# An emulated board behind a gateway, for a look (make gateway): the gateway in the background with a new state each time,
# the board's console on this terminal. When that ends, the gateway does.
set -eu

cd "$(dirname -- "$0")/../.."
host=${CARGO_TARGET_DIR:-target}/debug
image=${CARGO_TARGET_DIR:-target}/image
state=${CARGO_TARGET_DIR:-target}/gateway

rm -rf "$state"
"$host/berth-serve" --state "$state" device add board "unix:$(realpath -m "$image/berth.sock")"
"$host/berth-serve" --state "$state" ${GATEWAY_LISTEN:+--listen "$GATEWAY_LISTEN"} &
gateway=$!
trap 'kill "$gateway" 2>/dev/null || true' EXIT
# The shell's end by a signal is no EXIT of its own.
trap 'exit 1' HUP INT TERM
# It prints its key and address, or why not.
sleep 1
kill -0 "$gateway" 2>/dev/null || exit 1
"$host/berth-emulator" run --flash "$image/run.bin" --firmware "$image/flash.bin"
