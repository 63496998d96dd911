#!/usr/bin/env bash
# What matrix.sh runs inside each kernel (any root shell will do). In: $SOCKEYE, the executable, and
# exchanges/, a file a protocol. Out: one line of JSON for each capture way that this kernel has, with
# exact counts of the records of a known exchange; what went wrong is on stderr. Servers run on
# loopback, in a folder of their own. Servers and clients are traced: each message yields a record as
# server and one as client. The first line says what a program that has given up its privileges still
# can do here, too.
#
# exchanges/NAME.sh, with NAME behind each word of it:
#
#   packages_   what it needs of Debian
#   want_       how many records each role has
#   start_      starts its server, by `serve`; $folder is there for its files
#   ready_      true when it serves
#   exchange_   what a client says
#   right_      jq: those of its whole records that are as they were sent
set -uo pipefail

# In mount names of its own, for /etc/resolv.conf.
[ -n "${OWN_MOUNTS:-}" ] || OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

sockeye=${SOCKEYE:-dist/sockeye}
patience=${PATIENCE:-90} # seconds for anything to get ready
exchanges=$(dirname "$(readlink -f "$0")")/exchanges
folder=$(mktemp -d)
pids=()
names=()
for file in "$exchanges"/*.sh; do
  names+=("$(basename "$file" .sh)")
  # shellcheck source=/dev/null
  source "$file"
done

cleanup() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  rm -rf "$folder"
}
trap cleanup EXIT

# until_true COMMAND...: false when it does not come true in time.
until_true() {
  local deadline=$((SECONDS + patience))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep .1
  done
}

# serve COMMAND...: in the background, until the end.
serve() {
  "$@" >"$folder/$1.out" 2>&1 &
  pids+=($!)
}

start_servers() {
  local name
  for name in "${names[@]}"; do "start_$name"; done
  for name in "${names[@]}"; do until_true "ready_$name" || return; done
}

exchange() {
  local name
  for name in "${names[@]}"; do "exchange_$name" >/dev/null; done
}

# Records that are whole and as they were sent, by protocol and role; all others.
count_records() {
  local name right counts=""
  for name in "${names[@]}"; do
    right=right_$name
    counts+="$name: map(select(.protocol == \"$name\" and whole)) | ${!right} | per_role, "
  done
  jq -s -c --arg names "${names[*]}" "
    def whole: has(\"incomplete\") | not;
    def per_role: {server: map(select(.role == \"server\")) | length,
                   client: map(select(.role == \"client\")) | length};
    (\$names | split(\" \")) as \$known |
    {other: map(select((.protocol | IN(\$known[]) | not) or (whole | not))) | length,
     records: length, protocols: {${counts%, }}}" "$1"
}

# What is left to a process: by line of its threads' status the values that they have.
left_to() { # PID
  {
    sed -n '/^\(Cap\(Inh\|Prm\|Eff\|Bnd\|Amb\)\|NoNewPrivs\|Seccomp\|CoreDumping\):/p' \
      "/proc/$1"/task/*/status
    sed -n 's/^Max core file size  *\([^ ]*\)  *\([^ ]*\) .*/CoreSize:\t\1 \2/p' "/proc/$1/limits"
  } | jq -R -n -c '[inputs | split(":\t")] | group_by(.[0]) |
        map({(.[0][0]): (map(.[1]) | unique | join(", "))}) | add'
}

# The system calls that must be refused to a trace, by outcome: {"1": [NAMES…]} when all are (EPERM).
attempts() {
  local here
  here=$(dirname "$0")
  echo keep >"$folder/victim"
  "$here"/../../node_modules/@deno/*/deno run -A --no-check --quiet \
    "$here/../e2e/programs/confined.ts" "$folder/victim" output events processes </dev/null |
    jq -c '.refused | to_entries | group_by(.value) |
      map({(.[0].value | tostring): map(.key)}) | add'
}

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

trace_way() { # WAY
  local way=$1 began ready pid counts left records=$folder/$1.ndjson log=$folder/$1.log options=() it
  for it in "${pids[@]}" $$; do options+=(--pid "$it"); done
  began=$(milliseconds)
  "$sockeye" --capture "$way" "${options[@]}" --output ndjson --output-file "$records" 2>"$log" &
  pid=$!
  until_true grep -q '^sockeye: ready\|^Cannot' "$log"
  if ! grep -q '^sockeye: ready' "$log"; then
    kill "$pid" 2>/dev/null
    cat "$log" >&2
    jq -n -c --arg way "$way" --arg error "$(head -1 "$log")" '{$way, $error}'
    return
  fi
  ready=$(($(milliseconds) - began))
  left=$(left_to $pid)
  exchange
  kill -INT "$pid"
  wait "$pid" || echo "sockeye --capture $way ended with $?" >&2
  counts=$(count_records "$records")
  jq -n -c --arg way "$way" --argjson ready_ms $ready --argjson counts "${counts:-null}" \
    --argjson left "${left:-null}" --arg summary "$(grep -v '^sockeye: ready' "$log")" '{$way, $ready_ms, $counts, $left, $summary}'
  cp "$records" "$log" "${KEEP:-$folder}/" 2>/dev/null
}

start_servers || {
  echo "Cannot start the servers" >&2
  tail -n 5 "$folder"/*.out >&2
  exit 1
}
findings=$("$sockeye" check)
check=$?
outcomes=$(attempts)
jq -n -c --arg kernel "$(uname -r)" --argjson check $check --arg findings "$findings" \
  --argjson attempts "${outcomes:-null}" '{$kernel, check: ($check == 0), $findings, $attempts}'
for way in socket syscall; do
  grep -q "$way hooks  *yes" <<<"$findings" || continue
  trace_way $way
done
