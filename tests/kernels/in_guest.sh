#!/usr/bin/env bash
# What matrix.sh runs inside each kernel (any root shell will do). In: $SOCKEYE, the executable. Out:
# one line of JSON for each capture way that this kernel has, with exact counts of the records of a
# known exchange; what went wrong is on stderr. Servers run on loopback, in a folder of their own. The
# first line says what a program that has given up its privileges still can do here, too.
#
# The exchange: 21 HTTP requests (10 on one connection, 10 on one each, one body of 100 KiB), one
# redis command, 3 dns questions (dig; getent's two, sent by sendmmsg). Servers and clients are
# traced: each yields a record as server and one as client.
set -uo pipefail

# In mount names of its own, for /etc/resolv.conf.
[ -n "${OWN_MOUNTS:-}" ] || OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"

sockeye=${SOCKEYE:-dist/sockeye}
patience=${PATIENCE:-90} # seconds for anything to get ready
http_port=18080 redis_port=16379
folder=$(mktemp -d)
pids=()

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

start_servers() {
  mkdir -p "$folder/www"
  local i
  for i in {1..20}; do echo "page $i" >"$folder/www/$i"; done
  head -c 102400 /dev/zero | tr '\0' x >"$folder/www/large"
  cat >"$folder/nginx.conf" <<CONF
user root;
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/nginx.log;
events {}
http {
  access_log off;
  sendfile off;
  output_buffers 1 64k;
  server { listen 127.0.0.1:$http_port; root $folder/www; }
}
CONF
  nginx -c "$folder/nginx.conf" >"$folder/nginx.out" 2>&1 &
  pids+=($!)
  redis-server --port $redis_port --bind 127.0.0.1 --save '' --dir "$folder" >"$folder/redis.out" 2>&1 &
  pids+=($!)
  echo nameserver 127.0.0.1 >"$folder/resolv.conf"
  mount --bind "$folder/resolv.conf" /etc/resolv.conf
  dnsmasq --no-daemon --no-resolv --no-hosts --user=root --listen-address=127.0.0.1 \
    --bind-interfaces --host-record=kernel.test,192.0.2.1,2001:db8::1 >"$folder/dns.out" 2>&1 &
  pids+=($!)
  until_true curl -s "http://127.0.0.1:$http_port/1" && until_true redis-cli -p $redis_port ping &&
    until_true dig +tries=1 @127.0.0.1 kernel.test
}

exchange() {
  local urls=() i
  for i in {1..10}; do urls+=("http://127.0.0.1:$http_port/$i"); done
  curl -s "${urls[@]}" >/dev/null
  for i in {11..20}; do curl -s "http://127.0.0.1:$http_port/$i" >/dev/null; done
  curl -s "http://127.0.0.1:$http_port/large" >/dev/null
  redis-cli -p $redis_port set key value >/dev/null
  dig +tries=1 +timeout=30 @127.0.0.1 kernel.test >/dev/null
  RES_OPTIONS="timeout:30 attempts:1" getent ahosts kernel.test >/dev/null
}

# Records that are whole and as sent, by protocol and role.
count_records() {
  jq -s -c '
    def whole: select(has("incomplete") | not);
    def per_role: {server: map(select(.role == "server")) | length,
                   client: map(select(.role == "client")) | length};
    {http: map(whole | select(.protocol == "http" and .response.status == 200 and
             (.request.path == "/large" and .response.body_bytes == 102400 or
              (.request.path | test("^/[0-9]+$"))))) | unique_by([.role, .request.path]) | per_role,
     redis: map(whole | select(.protocol == "redis" and .request.command == "SET")) | per_role,
     dns: map(whole | select(.protocol == "dns" and .response.rcode == "NOERROR" and
             .remote != null)) | per_role,
     other: map(select(.protocol != "http" and .protocol != "redis" and .protocol != "dns" or
             has("incomplete"))) | length,
     records: length}' "$1"
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
