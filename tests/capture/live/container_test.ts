/** What a process's cgroups say of its container, and when that is looked up. */
import assert from "node:assert/strict";
import { containerOf } from "../../../lib/capture/live/container.ts";
import { ContainerWatch } from "../../../lib/capture/live/container_watch.ts";
import { EntryKind } from "../../../lib/capture/abi.ts";
import type { EntryFields } from "../../../lib/capture/event.ts";
import { containerEntry, containerIn } from "../../../lib/capture/user_entries.ts";
import type { Container } from "../../../lib/record/record.ts";
import { eventOf } from "../../support/events.ts";

const ID = "0123456789abcdef".repeat(4);
const INNER = "f".repeat(64);
const POD = "8c1bd2a4-5c0e-4d6f-9a1e-0b2c3d4e5f60";
const POD_IN_SLICE = POD.replaceAll("-", "_");
const STATIC_POD = "00112233445566778899aabbccddeeff";
const SLICES =
  `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${POD_IN_SLICE}.slice`;

const cases: { name: string; cgroup: string; want: Container | null }[] = [
  { name: "no container, v2", cgroup: "0::/user.slice/user-0.slice/session-1.scope\n", want: null },
  { name: "no container, v1", cgroup: "2:pids:/\n1:name=systemd:/init.scope\n", want: null },
  { name: "docker, cgroupfs, v2", cgroup: `0::/docker/${ID}\n`, want: { id: ID } },
  { name: "docker, systemd", cgroup: `0::/system.slice/docker-${ID}.scope\n`, want: { id: ID } },
  {
    name: "docker, v1, below other hierarchies",
    cgroup: `3:cpu,cpuacct:/\n2:memory:/docker/${ID}\n1:name=systemd:/docker/${ID}\n0::/\n`,
    want: { id: ID },
  },
  {
    name: "docker, v1, its own systemd inside",
    cgroup: `1:name=systemd:/docker/${ID}/system.slice/nginx.service\n`,
    want: { id: ID },
  },
  {
    name: "containerd in Kubernetes, systemd",
    cgroup: `0::${SLICES}/cri-containerd-${ID}.scope\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "containerd in Kubernetes, cgroupfs",
    cgroup: `11:memory:/kubepods/besteffort/pod${POD}/${ID}\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "a guaranteed pod",
    cgroup: `0::/kubepods.slice/kubepods-pod${POD_IN_SLICE}.slice/cri-containerd-${ID}.scope\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "containerd that takes systemd's form for a path",
    cgroup:
      `0::/system.slice/containerd.service/kubepods-burstable-pod${POD_IN_SLICE}.slice:cri-containerd:${ID}\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "a static pod",
    cgroup:
      `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${STATIC_POD}.slice/crio-${ID}.scope\n`,
    want: { id: ID, pod_uid: STATIC_POD },
  },
  {
    name: "CRI-O, cgroupfs",
    cgroup: `4:pids:/kubepods/burstable/pod${POD}/crio-${ID}\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "CRI-O, a cgroup below the container's",
    cgroup: `0::${SLICES}/crio-${ID}.scope/container\n`,
    want: { id: ID, pod_uid: POD },
  },
  {
    name: "CRI-O's monitor is outside",
    cgroup: `0::${SLICES}/crio-conmon-${ID}.scope\n`,
    want: null,
  },
  {
    name: "podman, rootless",
    cgroup:
      `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container\n`,
    want: { id: ID },
  },
  {
    name: "podman, cgroupfs",
    cgroup: `0::/libpod_parent/libpod-${ID}\n`,
    want: { id: ID },
  },
  {
    name: "podman's monitor is outside",
    cgroup: `0::/machine.slice/libpod-conmon-${ID}.scope\n`,
    want: null,
  },
  {
    name: "podman's health check is outside",
    cgroup: `0::/system.slice/${ID}.service\n`,
    want: null,
  },
  {
    name: "seen from a cgroup namespace beside it",
    cgroup: `0::/../docker-${ID}.scope\n`,
    want: { id: ID },
  },
  {
    name: "its cgroup was removed",
    cgroup: `0::/system.slice/docker-${ID}.scope (deleted)\n`,
    want: { id: ID },
  },
  {
    name: "the innermost of a node that is a container, with the pod's uid",
    cgroup:
      `0::/docker/${ID}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${POD_IN_SLICE}.slice/cri-containerd-${INNER}.scope\n`,
    want: { id: INNER, pod_uid: POD },
  },
  {
    name: "the kubelet of such a node is in no pod",
    cgroup: `0::/docker/${ID}/system.slice/kubelet.service\n`,
    want: { id: ID },
  },
  {
    name: "a container inside a pod's container keeps the pod",
    cgroup: `0::/kubepods/pod${POD}/${ID}/docker/${INNER}\n`,
    want: { id: INNER, pod_uid: POD },
  },
  { name: "63 digits are no id", cgroup: `0::/docker/${ID.slice(1)}\n`, want: null },
  { name: "upper case is no id", cgroup: `0::/docker/${ID.toUpperCase()}\n`, want: null },
  { name: "a slice without a container", cgroup: `0::${SLICES}\n`, want: null },
  { name: "an empty file", cgroup: "", want: null },
  { name: "lines that are none", cgroup: "\n:\n::\n0::\n", want: null },
  { name: "a path beyond all bounds", cgroup: `0::/${"-".repeat(1 << 20)}/${ID}\n`, want: null },
];

for (const { name, cgroup, want } of cases) {
  Deno.test(`containerOf(): ${name}`, () => assert.deepEqual(containerOf(cgroup), want));
}

/** What the watch says of `pid`, if it is due at all. */
function said(watch: ContainerWatch, pid: number): Container | null | "nothing" {
  const said: EntryFields[] = [];
  watch.data(eventOf({ kind: EntryKind.DATA, pid }), (entry) => said.push(entry));
  const [entry] = said;
  if (entry === undefined) return "nothing";
  assert.equal(entry.pid, pid);
  return containerIn(eventOf(entry));
}

Deno.test("ContainerWatch looks a process up once, and again after its end or after a while", () => {
  let cgroup: string | null = `0::/docker/${ID}\n`;
  let reads = 0;
  const watch = new ContainerWatch(1000, () => {
    reads++;
    return cgroup;
  });
  assert.deepEqual(said(watch, 7), { id: ID });
  for (let i = 0; i < 10; i++) assert.equal(said(watch, 7), "nothing");
  assert.equal(reads, 1);
  watch.end(9e9);
  assert.equal(said(watch, 7), "nothing");
  assert.equal(reads, 1);
  watch.end(10e9);
  assert.equal(said(watch, 7), "nothing", "nothing new");
  assert.equal(reads, 2);
  watch.event(eventOf({ kind: EntryKind.EXIT, pid: 7 }), () => {});
  assert.deepEqual(said(watch, 7), { id: ID }, "another process of that pid");
  cgroup = "0::/\n";
  watch.end(20e9);
  assert.equal(said(watch, 7), null, "an end that was missed");
  watch.end(30e9);
  assert.equal(said(watch, 7), "nothing");
  cgroup = `0::/kubepods/pod${POD}/${INNER}\n`;
  watch.end(40e9);
  assert.deepEqual(said(watch, 7), { id: INNER, pod_uid: POD }, "moved");
});

Deno.test("ContainerWatch says nothing of processes that are gone, or outside of containers", () => {
  const watch = new ContainerWatch(1000, (pid) => pid === 8 ? null : "0::/\n");
  for (const pid of [0, 8, 9, 999, 1000, 4_000_000_000]) assert.equal(said(watch, pid), "nothing");
});

Deno.test("ContainerWatch goes on after all its rounds", () => {
  let reads = 0;
  const watch = new ContainerWatch(10, () => {
    reads++;
    return "0::/\n";
  });
  for (let round = 1; round <= 600; round++) {
    assert.equal(said(watch, 3), "nothing");
    assert.equal(reads, round);
    watch.end(round * 10e9);
  }
});

Deno.test("containerIn() takes a hostile payload for no container", () => {
  for (const payload of ["", "\0", "\0pod", "x".repeat(600)]) {
    const entry = { ...containerEntry(5, null), payload: new TextEncoder().encode(payload) };
    assert.equal(containerIn(eventOf(entry)), null);
  }
});
