/** Linux's capabilities by name. In: the text of /proc/PID/status. Out: masks and names. */

/** Bit numbers of the capabilities that sockeye uses. */
export const CAPABILITIES = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_KILL: 5,
  CAP_NET_ADMIN: 12,
  CAP_IPC_LOCK: 14,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
  CAP_CHECKPOINT_RESTORE: 40,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** A set like "CapEff" or "CapBnd" of /proc/PID/status; nothing when it is not there. */
export function capabilityMask(status: string, set: "CapEff" | "CapPrm" | "CapBnd"): bigint {
  return BigInt(`0x${new RegExp(`^${set}:\\t([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
}

export function maskOf(capabilities: Iterable<Capability>): bigint {
  let mask = 0n;
  for (const name of capabilities) mask |= 1n << BigInt(CAPABILITIES[name]);
  return mask;
}

/** Names of the capabilities in a mask, as far as CAPABILITIES has them. */
export function namesOf(mask: bigint): Capability[] {
  return (Object.keys(CAPABILITIES) as Capability[])
    .filter((name) => ((mask >> BigInt(CAPABILITIES[name])) & 1n) === 1n);
}
