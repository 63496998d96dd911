#!/usr/bin/env bash
# The kernel matrix: does dist/sockeye load, attach, give up its privileges and record exactly on every
# supported kernel? In: Debian suites, by default from the oldest supported kernel to the newest. Out:
# a table on stdout, progress on stderr; exit 1 when a row is not exact. It is slow (emulated, a minute
# or two a kernel), so it is no part of ./build.sh test: run it after a change of bpf/ or of
# lib/privileges/, and put its table into ARCHITECTURE.md.
#
#   ./build.sh && sudo tests/kernels/matrix.sh [SUITE...]
#
#   fetch.sh      kernels from Debian, kept in ${XDG_CACHE_HOME:-~/.cache}/sockeye-kernels
#   boot.sh       one kernel under qemu, this machine's root read-only below it
#   in_guest.sh   the exchanges and the counts; also runs on this machine's own kernel
#   exchanges/    a file a protocol: what servers and clients say
#
# SOCKEYE=FILE     another executable; not below /tmp or /run, which are the guest's own
# KEEP=FOLDER      keeps what each guest printed, its console, and the records
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

TOOLS=(qemu-system-x86 busybox-static cpio xz-utils jq)
suites=("$@")
[ $# -gt 0 ] || suites=(bullseye-security bookworm trixie sid experimental)
sockeye=$(readlink -f "${SOCKEYE:-dist/sockeye}")
[ -x "$sockeye" ] || { echo "Cannot test $sockeye: run ./build.sh" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "Cannot share the root of this machine: run as root" >&2; exit 1; }

# What is exchanged: names and, as JSON, how many records each role has of it.
names=() wants=()
for file in tests/kernels/exchanges/*.sh; do
  name=$(basename "$file" .sh)
  # shellcheck source=/dev/null
  source "$file"
  packages=packages_$name[@] want=want_$name
  names+=("$name") TOOLS+=("${!packages}")
  wants+=("\"$name\": {\"server\": ${!want}, \"client\": ${!want}}")
done
wanted="{$(IFS=, && echo "${wants[*]}")}"
for name in $("$sockeye" protocols | awk 'NR > 1 && $1 != "unknown" {print $1}'); do
  [ -f "tests/kernels/exchanges/$name.sh" ] && continue
  echo "not tested: $name (tests/kernels/exchanges/$name.sh is missing; in_guest.sh says what it is)" >&2
done

install_tools() {
  local missing=() tool
  for tool in "${TOOLS[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$tool" 2>/dev/null | grep -qx installed ||
      missing+=("$tool")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing from Debian: ${missing[*]}" >&2
  apt-get -qq update >&2 &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" >&2
}

# The lines of one guest as rows of the table. Exact means: every record whole, and no other ones.
# Given up means: what probing TLS libraries takes is left to every thread, no other capability; what is
# tried with those of a trace without TLS is refused.
rows() { # SUITE RESULTS
  jq -s -r --arg suite "$1" --argjson wanted "$wanted" '
    def pair: if . then "\(.server)/\(.client)" else "-" end;
    (map(select(has("check")))[0] // {}) as $head |
    [.[] | select(has("way"))] as $ways |
    ([$wanted[] | .server + .client] | add) as $records |
    ($head.findings // "" | test("given up  *Landlock: opens")) as $landlock |
    ($head.attempts // {} | keys == ["1"]) as $refused |
    {CapInh: "0000000000000000", CapPrm: "000001c000080004", CapEff: "000001c000080004",
     CapBnd: "000001c000080004", CapAmb: "0000000000000000", NoNewPrivs: "1", Seccomp: "2",
     CoreDumping: "0", CoreSize: "0 0"} as $confined |
    if $ways == [] then [$suite, $head.kernel // "-", $head.check // "-", "-", "-",
                         ($wanted[] | "-"), "-", "-", "NO RESULT"]
    else $ways[] |
      (.summary // "" | test("nothing lost")) as $whole |
      ($head.check and $whole and .counts.protocols == $wanted and .counts.other == 0 and
        .counts.records == $records) as $exact |
      ($refused and .left == $confined) as $without |
      .counts.protocols as $counts |
      [$suite, $head.kernel, $head.check, .way,
       (if .ready_ms then "\(.ready_ms) ms" else "-" end),
       ($wanted | keys_unsorted[] | $counts[.]? | pair),
       (if $whole then "0" else "?" end),
       (if $without | not then "NO" elif $landlock then "yes" else "yes, no Landlock" end),
       (if .error then .error elif $exact and $without then "exact" else "NOT EXACT" end)]
    end | map("\(.)") | "| " + join(" | ") + " |"' "$2"
}

run_suite() { # SUITE
  local suite=$1 kernel results=$work/$1.jsonl
  kernel=$(tests/kernels/fetch.sh "$suite") || return
  echo "$suite: $(basename "$(find "$kernel" -name 'vmlinuz*' -print -quit)")" >&2
  mkdir -p "$work/$suite"
  GUEST_OUT=$work/$suite QEMU_ROOT=$emulator tests/kernels/boot.sh "$kernel" \
    env SOCKEYE="$sockeye" KEEP=/mnt tests/kernels/in_guest.sh >"$results"
}

# bookworm's qemu 7.2 damages the flags after cmpxchg16b: kernels from 6.12 on crash in kmalloc().
choose_emulator() {
  case $(qemu-system-x86_64 --version | head -1) in
  *" version "[0-8].*) tests/kernels/fetch.sh bookworm-backports ;;
  esac
}

install_tools || exit 1
emulator=$(choose_emulator) || exit 1
work=${KEEP:-$(mktemp -d)}
mkdir -p "$work"
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
status=0
table="| suite | kernel | check | way | ready |$(printf ' %s |' "${names[@]}") lost | given up | records |
|---|---|---|---|---|$(printf -- '---|%.0s' "${names[@]}")---|---|---|"
for suite in "${suites[@]}"; do
  run_suite "$suite" || echo "$suite: ended with $?" >&2
  table+=$'\n'$(rows "$suite" "$work/$suite.jsonl")
done
echo "$table"
[ "$(grep -c 'exact |$' <<<"$table")" = $(($(wc -l <<<"$table") - 2)) ] || status=1
exit $status
