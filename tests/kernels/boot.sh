#!/usr/bin/env bash
# Boots one kernel under qemu and runs one command in it. In: KERNEL_DIR, what fetch.sh unpacked, and
# a command. Out: the command's stdout, stderr and exit status (125: it did not come back; then the
# end of the guest's console is on stderr). The guest sees this machine's root, read-only, under an
# overlay that is thrown away; $GUEST_OUT (a folder) is /mnt there, writable. Emulated, so no KVM is
# needed and everything is about 20 times slower.
#
#   tests/kernels/boot.sh KERNEL_DIR COMMAND [ARG...]
#
# TIMEOUT=600 (seconds)  GUEST_MIB=2048  QEMU_ROOT=FOLDER (an unpacked qemu instead of the machine's)
# Needs: qemu-system-x86 (with virtiofsd) busybox-static cpio xz-utils, and root.
set -euo pipefail

kernel=$1
shift
work=$(mktemp -d)
out=${GUEST_OUT:-$work/out}
emulator=(qemu-system-x86_64)
[ -z "${QEMU_ROOT:-}" ] || emulator=("$QEMU_ROOT/usr/bin/qemu-system-x86_64"
  -L "$QEMU_ROOT/usr/share/qemu" -L "$QEMU_ROOT/usr/share/seabios")
pids=()
cleanup() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
mkdir -p "$out" "$work"/sock "$work"/initrd/{bin,dev,proc,sys,modules,lower,rw,root}

# A module and, before it, those that it needs; one that is built in has no file.
module_count=0
modules=$(find "$kernel" -name '*.ko*')
add_module() {
  local name=${1//-/_} file target needed
  [ ! -e "$work/seen-$name" ] || return 0
  : >"$work/seen-$name"
  file=$(grep -m1 -E "/${name//_/[-_]}\.ko(\.xz)?$" <<<"$modules") || return 0
  target=$work/$name.ko
  case $file in *.xz) xz -dc "$file" >"$target" ;; *) cp "$file" "$target" ;; esac
  for needed in $(tr '\0' '\n' <"$target" | sed -n 's/^depends=//p' | tr , ' '); do
    add_module "$needed"
  done
  module_count=$((module_count + 1))
  mv "$target" "$work/initrd/modules/$(printf %02d $module_count)-$name.ko"
}

make_initrd() {
  local module
  cp /bin/busybox "$work/initrd/bin/"
  for module in virtio_pci fuse virtiofs overlay; do add_module $module; done
  cat >"$work/initrd/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
$b mount -t sysfs sys /sys
for module in /modules/*.ko; do $b insmod $module; done
$b mount -t virtiofs -o ro root /lower
$b mount -t tmpfs tmpfs /rw
$b mkdir /rw/upper /rw/work
$b mount -t overlay overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work /root
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts devpts /dev/pts
$b mount -t tmpfs tmpfs /dev/shm
$b mount -t tmpfs tmpfs /root/run
$b mount -t tmpfs tmpfs /root/tmp
$b chmod 1777 /root/tmp
$b mount -t cgroup2 none /sys/fs/cgroup
$b ip link set lo up
for folder in dev proc sys; do $b mount --move /$folder /root/$folder; done
$b mount -t virtiofs out /root/mnt
exec $b chroot /root /bin/bash /mnt/guest.sh
INIT
  chmod +x "$work/initrd/init"
  (cd "$work/initrd" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd.cpio"
}

make_guest_script() {
  printf 'cd %q\nexec %s\n' "$PWD" "$(printf '%q ' "$@")" >"$out/command.sh"
  rm -f "$out"/{status,stdout,stderr,console}
  cat >"$out/guest.sh" <<'GUEST'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
bash /mnt/command.sh >/mnt/stdout 2>/mnt/stderr </dev/null
echo $? >/mnt/status
sync
echo o >/proc/sysrq-trigger
while :; do read -r -t 1 _ </dev/zero; done
GUEST
}

share() { # NAME FOLDER CACHE
  /usr/lib/qemu/virtiofsd -f --socket-path="$work/sock/$1" -o source="$2" -o sandbox=chroot \
    -o cache="$3" -o log_level=err >>"$work/virtiofsd.log" 2>&1 &
  pids+=($!)
}

# The root is shared through a read-only bind mount that only virtiofsd's mount namespace has.
share_root() {
  unshare --mount --propagation private bash -c '
    mkdir "$2/view" && mount --bind / "$2/view" && mount -o remount,bind,ro "$2/view"
    exec /usr/lib/qemu/virtiofsd -f --socket-path="$1" -o source="$2/view" -o sandbox=chroot \
      -o cache=always -o log_level=err' _ "$work/sock/root" "$work" >>"$work/virtiofsd.log" 2>&1 &
  pids+=($!)
}

run_guest() {
  local memory=${GUEST_MIB:-2048}M image attempt
  image=$(find "$kernel" -name 'vmlinuz*' -type f -print -quit)
  [ -n "$image" ] || { echo "Cannot find a kernel image in $kernel" >&2; exit 125; }
  for attempt in {1..250}; do
    [ ! -S "$work/sock/root" ] || [ ! -S "$work/sock/out" ] || break
    sleep .02
  done
  timeout "${TIMEOUT:-600}" "${emulator[@]}" -M q35 -accel tcg,thread=multi -cpu max -smp 2 \
    -m "$memory" -nodefaults -no-user-config -display none -no-reboot \
    -object "memory-backend-memfd,id=memory,size=$memory,share=on" -numa node,memdev=memory \
    -kernel "$image" -initrd "$work/initrd.cpio" -serial "file:$out/console" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on rcupdate.rcu_expedited=1" \
    -chardev "socket,id=root,path=$work/sock/root" \
    -device vhost-user-fs-pci,queue-size=1024,chardev=root,tag=root \
    -chardev "socket,id=out,path=$work/sock/out" \
    -device vhost-user-fs-pci,queue-size=1024,chardev=out,tag=out \
    </dev/null >"$out/qemu.log" 2>&1 &
  pids+=($!)
  wait $! || true
}

make_initrd
make_guest_script "$@"
share_root
share out "$out" none
run_guest
if [ -e "$out/status" ]; then
  cat "$out/stdout"
  cat "$out/stderr" >&2
  exit "$(cat "$out/status")"
fi
{
  echo "Cannot run in $kernel: the guest did not come back"
  tail -n 20 "$out/console" "$out/qemu.log" "$work/virtiofsd.log"
  tail -n 5 "$out/stdout" "$out/stderr"
} >&2 2>/dev/null
exit 125
