#!/bin/sh
# The long campaigns: parts, what came of each on this commit, and one report.
#
#   tools/soak/soak.sh list            the parts, and what came of them
#   tools/soak/soak.sh run [PART…]     those, or all; one that ended well on this commit is not run again
#   tools/soak/soak.sh report [FILE]   the report as Markdown, also of a run that is not whole
#
# Parts stand in parts.txt. What came of one lies in target/soak/COMMIT/PART.result (ok or failed, seconds, when it began) and
# PART.log. A tree with changes that are not committed has a folder of its own.
#
# Exit codes: 0 all that was asked for ended well, 1 a part failed, 2 there is no such part.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here/../.."
parts=${SOAK_PARTS:-$here/parts.txt}
commit=${SOAK_COMMIT:-$(git rev-parse --short=12 HEAD)}
# The report is none of what is tested.
changes=$([ -n "${SOAK_COMMIT:-}" ] || { git status --porcelain -- . ':!docs/soak.md' && git diff HEAD -- . ':!docs/soak.md'; })
[ -z "$changes" ] || commit=$commit-changed-$(printf %s "$changes" | sha256sum | cut -c 1-8)
kept=${SOAK_KEPT:-target/soak}/$commit

# The command's words are the shell's; the runner is one of them.
NEXTEST='cargo nextest run --profile soak --no-capture'
export NEXTEST

# field NUMBER LINE
field() { printf '%s\n' "$2" | cut -d '|' -f "$1" | sed 's/^ *//; s/ *$//'; }

# Everything from the fourth field on is the command.
command_of() { printf '%s\n' "$1" | cut -d '|' -f 4- | sed 's/^ *//'; }

lines() { grep -v -e '^#' -e '^ *$' "$parts"; }

# outcome PART: ok, failed, or "not run".
outcome() {
    if [ -f "$kept/$1.result" ]; then cut -d ' ' -f 1 "$kept/$1.result"; else echo 'not run'; fi
}

# What a part's tests have said, without what the runner says of them.
said() {
    grep -v -E '^ *(PASS|START|FAIL|SLOW|Starting|Summary|Compiling|Finished|Nextest|running|test |INFO|────|#[0-9]|==|$|Cancelling)|^(INFO|make|cargo)' \
        "$kept/$1.log" 2>/dev/null | grep -E '[0-9]' | tail -n 3 | tr '|\n' '/;' | cut -c 1-300 | sed 's/;$//; s/;/; /g'
}

# How many tests the runner ran.
counted() { sed -n 's/.* \([0-9][0-9]* tests* run\): .*/\1/p' "$kept/$1.log" 2>/dev/null | tail -n 1; }

run_part() {
    line=$1
    name=$(field 1 "$line")
    if [ "$(outcome "$name")" = ok ]; then
        echo "== $name: ended well on $commit"
        return 0
    fi
    mkdir -p "$kept"
    echo "== $name: $(field 3 "$line")"
    begun=$(date +%s)
    when=$(date -u +%Y-%m-%dT%H:%MZ)
    if sh -c "$(command_of "$line" | sed "s|\$NEXTEST|$NEXTEST|g")" >"$kept/$name.log" 2>&1; then what=ok; else what=failed; fi
    seconds=$(($(date +%s) - begun))
    echo "$what $seconds $when" >"$kept/$name.result"
    echo "== $name: $what after $seconds s"
    [ "$what" = ok ]
}

run() {
    failed=
    for name in "$@"; do
        lines | cut -d '|' -f 1 | sed 's/ *$//' | grep -qxF -- "$name" || {
            echo "no part $name: make soak-list" >&2
            exit 2
        }
    done
    [ $# -gt 0 ] || set -- $(lines | cut -d '|' -f 1)
    for name in "$@"; do
        line=$(lines | grep -E "^$name +\|")
        run_part "$line" || failed="$failed $name"
    done
    report >"$kept/report.md"
    echo "== report: $kept/report.md"
    [ -z "$failed" ] || {
        echo "failed:$failed (logs in $kept)" >&2
        exit 1
    }
}

list() {
    lines | while IFS= read -r line; do
        name=$(field 1 "$line")
        printf '%-12s %-8s %s\n' "$name" "$(outcome "$name")" "$(field 3 "$line")"
    done
}

report() {
    printf '# Campaign report\n\n'
    printf 'Commit %s, %s, %s processors. Written by `make soak` on %s.\n\n' "$commit" "$(uname -sm)" "$(nproc)" "$(date -u +%Y-%m-%d)"
    ok=0 bad=0 none=0
    for name in $(lines | cut -d '|' -f 1); do
        case $(outcome "$name") in
            ok) ok=$((ok + 1)) ;;
            failed) bad=$((bad + 1)) ;;
            *) none=$((none + 1)) ;;
        esac
    done
    printf 'Of %s parts %s ended well, %s failed, %s were not run.\n\n' $((ok + bad + none)) "$ok" "$bad" "$none"
    printf '| part | rows | what | result | began | seconds | ran |\n| --- | --- | --- | --- | --- | --- | --- |\n'
    lines | while IFS= read -r line; do
        name=$(field 1 "$line")
        what=$(outcome "$name")
        seconds='-' when='-' ran='-'
        if [ "$what" != 'not run' ]; then
            seconds=$(cut -d ' ' -f 2 "$kept/$name.result")
            when=$(cut -d ' ' -f 3 "$kept/$name.result")
            ran=$(counted "$name")
            more=$(said "$name")
            ran="${ran:-}${more:+${ran:+: }$more}"
        fi
        printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$name" "$(field 2 "$line")" "$(field 3 "$line")" "$what" "$when" "$seconds" "${ran:--}"
    done
}

case ${1:-run} in
    list) list ;;
    run)
        [ $# = 0 ] || shift
        run "$@"
        ;;
    report)
        if [ $# -gt 1 ]; then report >"$2"; else report; fi
        ;;
    *)
        echo "list, run or report" >&2
        exit 2
        ;;
esac
