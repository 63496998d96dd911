#!/usr/bin/env bash
# Builds, tests and shows sockeye. In: a Debian 12 (or later) with Node and npm. Out: dist/sockeye.
#
#   ./build.sh            build dist/sockeye, one executable
#   ./build.sh demo       build, and watch a small demo
#   ./build.sh test       the whole test suite ([FILE…]: some of it); root tests use sudo
#   ./build.sh bench      the benchmarks ([NAME…]: some of them)
#   ./build.sh fuzz       damaged input of every kind, for a minute ([--seconds N] [--seed S] [NAME…])
#   ./build.sh check      format, lint, types and structure
#   ./build.sh new-protocol NAME   the skeleton of a plug-in (CONTRIBUTING.md)
#   ./build.sh clean      remove dist/
#
# Tools that are missing come from Debian (apt, with sudo when not root) and npm (package-lock.json).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

BUILD_PACKAGES=(ca-certificates clang-19 libbpf-dev libelf-dev zlib1g-dev binutils libc6-dev bpftool)
TEST_PACKAGES=(gcc nginx redis-server redis-tools dnsmasq wrk curl bind9-dnsutils dnsperf socat tshark
  liburing-dev python3 jq busybox-static iproute2 nftables strace tcpdump procps
  haproxy tinyproxy golang-go libnspr4 openssl wget nodejs)
BENCH_PACKAGES=(bpftrace nghttp2-client)

fail() {
  echo "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs those of the given packages that are missing. Services are not started.
install_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: the steps say what is missing
  local missing=() package policy=/usr/sbin/policy-rc.d
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing from Debian: ${missing[*]}" >&2
  if [ ! -e $policy ]; then
    trap "as_root rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
  fi
  echo wireshark-common wireshark-common/install-setuid boolean false |
    as_root debconf-set-selections
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >&2 || fail "Cannot install ${missing[*]}"
  if [ -n "$(trap -p EXIT)" ]; then
    as_root rm -f $policy
    trap - EXIT
  fi
}

# node_modules as package-lock.json says; the copy of it inside tells for which one they were made.
install_modules() {
  cmp -s package-lock.json node_modules/.sockeye-lock.json && return
  [ ! -L node_modules ] || fail "Cannot install modules: node_modules is a link, npm would empty its target"
  command -v npm >/dev/null || fail "Cannot install modules: npm is missing (apt-get install npm)"
  npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2
  cp package-lock.json node_modules/.sockeye-lock.json
}

find_deno() {
  local packaged=node_modules/@deno/linux-x64-glibc/deno
  if [ -n "${DENO:-}" ]; then
    echo "$DENO"
  elif [ -x $packaged ]; then
    echo "$PWD/$packaged"
  else
    command -v deno || fail "Cannot build: no deno for $(uname -m) in node_modules; set DENO"
  fi
}

command=${1:-build}
case $command in
clean)
  rm -rf dist
  exit
  ;;
-h | --help | help)
  sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
  exit
  ;;
esac

packages=("${BUILD_PACKAGES[@]}")
case $command in
test) packages+=("${TEST_PACKAGES[@]}") ;;
bench) packages+=("${TEST_PACKAGES[@]}" "${BENCH_PACKAGES[@]}") ;;
esac
mkdir -p dist
{
  flock 9
  install_packages "${packages[@]}"
  install_modules
} 9>dist/.install.lock
deno=$(find_deno)
exec "$deno" run --no-check --quiet -A build/build.ts "$@"
