/**
 * Which container a process is in, by the names of its cgroups. In: the text of /proc/PID/cgroup.
 * Out: the container's id, and its pod's uid. It asks no container runtime.
 *
 * The file has a line for each hierarchy, `ID:CONTROLLERS:PATH`; that of cgroup v2 is `0::PATH`. A
 * container's id is 64 hex digits, in the path as the program that made the cgroup puts it:
 *
 *     docker              /docker/ID                          /system.slice/docker-ID.scope
 *     containerd (CRI)    /kubepods/besteffort/podUID/ID      /…-podUID.slice/cri-containerd-ID.scope
 *                         /…-podUID.slice:cri-containerd:ID   (the systemd form, taken as a path)
 *     CRI-O               /kubepods/podUID/crio-ID            /…-podUID.slice/crio-ID.scope
 *     podman              /libpod_parent/libpod-ID            /user.slice/…/libpod-ID.scope/container
 *     nerdctl, ECS …      /default/ID, /ecs/TASK/ID           /system.slice/nerdctl-ID.scope
 *
 * Pods' uids are UUIDs, with underscores in systemd's slices, and 32 hex digits for static pods. Of
 * containers in containers the innermost counts. A container's monitor (conmon) has a scope with the
 * id in its name but is not inside; nor is `ID.service`, podman's health check.
 */
import type { Container } from "../../record/record.ts";

const ID = /^(?:([a-z][a-z_-]*)-)?([0-9a-f]{64})(?:\.scope)?(?: \(deleted\))?$/;
const POD = /^(?:.*-)?pod([0-9a-f]{8}(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12})(?:\.slice)?$/;
/** Longer paths are cut by the kernel as well. */
const MAX_PATH = 4096;

/** Null when the process is in no container, or in one of another kind. */
export function containerOf(cgroups: string): Container | null {
  for (const line of cgroups.split("\n")) {
    const path = line.slice(line.indexOf(":", line.indexOf(":") + 1) + 1);
    const found = containerInPath(path);
    if (found !== null) return found;
  }
  return null;
}

function containerInPath(path: string): Container | null {
  if (path.length > MAX_PATH) return null;
  let id: string | null = null;
  let pod: string | null = null;
  let podOfId: string | null = null;
  for (const name of path.split(/[/:]/)) {
    const podUid = POD.exec(name)?.[1];
    if (podUid !== undefined) pod = podUid.replaceAll("_", "-");
    const [, prefix, found] = ID.exec(name) ?? [];
    if (found === undefined || prefix?.endsWith("conmon") === true) continue;
    id = found;
    podOfId = pod;
  }
  if (id === null) return null;
  return podOfId === null ? { id } : { id, pod_uid: podOfId };
}
