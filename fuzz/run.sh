#!/bin/sh
# Runs a fuzzer that `make fuzz` has built, in slices, and counts.
#
#   fuzz/run.sh TARGET seconds N    for so long
#   fuzz/run.sh TARGET inputs N     until there were so many on this commit; whoever is interrupted goes on where it was
#
# Exit codes: 0 nothing was found, 1 something was (target/fuzz/artifacts/TARGET), 2 wrong usage.
set -eu

[ $# = 3 ] || {
    echo "fuzz/run.sh TARGET seconds|inputs N" >&2
    exit 2
}
target=$1 kind=$2 wanted=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/.."
counted=target/fuzz/counts/$(git rev-parse --short=12 HEAD)-$target
mkdir -p target/fuzz/counts "target/fuzz/corpus/$target" "target/fuzz/artifacts/$target"
program=target/fuzz/$(rustc -vV | sed -n 's/^host: //p')/release/$target

# What a kernel of the tests is made of is never given back, so its fuzzer begins anew in time.
case $target in
    tbf) slice=100000 ;;
    *) slice=1000000 ;;
esac

total=$(cat "$counted" 2>/dev/null || echo 0)
begun=$(date +%s)
while :; do
    spent=$(($(date +%s) - begun))
    if [ "$kind" = seconds ]; then
        left=$((wanted - spent))
        [ "$left" -gt 0 ] || break
        set -- -max_total_time="$left" -runs="$slice"
    else
        left=$((wanted - total))
        [ "$left" -gt 0 ] || break
        [ "$left" -lt "$slice" ] || left=$slice
        set -- -runs="$left"
    fi
    log=target/fuzz/counts/$target.log
    found=0
    FUZZ_SEEDS=target/fuzz/corpus/$target nice -n 10 "$program" "target/fuzz/corpus/$target" -artifact_prefix="target/fuzz/artifacts/$target/" \
        -dict="fuzz/dictionaries/$target.txt" -print_final_stats=1 -rss_limit_mb=4096 -timeout=20 "$@" >"$log" 2>&1 || found=1
    ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    total=$((total + ${ran:-0}))
    echo "$total" >"$counted"
    if [ $found = 1 ]; then
        grep -a -A4 -e panicked -e ERROR "$log" | head -20 >&2
        echo "$target: a finding after $total inputs, in target/fuzz/artifacts/$target" >&2
        exit 1
    fi
done
echo "$target: $total inputs on this commit, nothing found; $(find "target/fuzz/corpus/$target" -type f | wc -l) in the corpus"
