#!/usr/bin/env bash
# Fetches Debian's cloud kernels, and a qemu, for matrix.sh. In: suites (bullseye-security bookworm
# trixie sid experimental), or bookworm-backports, which is taken for its qemu. Out: one line a suite on
# stdout, the folder of what was unpacked, in ${XDG_CACHE_HOME:-~/.cache}/sockeye-kernels. apt gets a
# configuration of its own: no suite is added to the machine, and nothing is installed.
#
#   tests/kernels/fetch.sh SUITE...
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sockeye-kernels
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-http://deb.debian.org}

# apt for one suite only: its lists and caches lie in the suite's folder.
apt_of() {
  local suite=$1 apt=$cache/$1/apt
  shift
  "$@" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o APT::Sandbox::User=root -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Default-Release="$suite"
}

prepare() {
  local suite=$1 apt=$cache/$1/apt archive=debian
  case $suite in *-security) archive=debian-security ;; esac
  mkdir -p "$apt"/{state/lists/partial,cache/archives/partial}
  : >"$apt/status"
  echo "deb [signed-by=$keyring] $mirror/$archive $suite main" >"$apt/sources.list"
  # experimental's packages need sid's.
  [ "$suite" != experimental ] ||
    echo "deb [signed-by=$keyring] $mirror/debian sid main" >>"$apt/sources.list"
  apt_of "$suite" apt-get -qq update >&2
}

# The package that linux-image-cloud-amd64 stands for in this suite, and what else holds its files:
# kernels from 7.x on are split into -base, -binary and -modules.
packages_of() {
  local suite=$1 image
  case $suite in
  *-backports)
    printf '%s\n' qemu-system-{x86,common,data} seabios
    return
    ;;
  esac
  image=$(apt_of "$suite" apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/^  Depends: \(linux-image-[0-9][^ ]*\)$/\1/p')
  [ -n "$image" ] || { echo "Cannot find a cloud kernel in $suite" >&2; return 1; }
  echo "$image"
  apt_of "$suite" apt-cache depends "$image" |
    sed -n 's/^  *Depends: \(linux-\(base\|binary\|modules\|image\)-[0-9][^ ]*\)$/\1/p'
}

fetch() {
  local suite=$1 folder=$cache/$1/root packages
  if [ ! -e "$folder/.complete" ]; then
    prepare "$suite"
    mapfile -t packages < <(packages_of "$suite")
    [ ${#packages[@]} -gt 0 ] || return 1
    rm -rf "$folder" "$cache/$suite/debs"
    mkdir -p "$folder" "$cache/$suite/debs"
    (cd "$cache/$suite/debs" && apt_of "$suite" apt-get -qq download "${packages[@]}" >&2)
    for deb in "$cache/$suite/debs"/*.deb; do dpkg-deb -x "$deb" "$folder"; done
    rm -rf "$cache/$suite/debs" "$cache/$suite/apt"
    touch "$folder/.complete"
  fi
  echo "$folder"
}

for suite in "$@"; do fetch "$suite"; done
