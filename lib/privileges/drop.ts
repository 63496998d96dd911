/**
 * Gives up privileges that are not needed any more, before hostile bytes are read. In: what is still to
 * be done (needs.ts). Out: a line for each step: done, or why not. A step that this kernel lacks is no
 * reason to stop; nothing here throws.
 *
 * Called once everything is open, attached and started: what is given up cannot be had again.
 */
import { OwnProcess } from "../../ffi/own_process.ts";
import { type AssetName, readAsset } from "../assets.ts";
import { runtimeFiles } from "../system_files.ts";
import { capabilityMask, maskOf, namesOf } from "./capabilities.ts";
import { encodeFilter } from "./filter.ts";
import { allow, type NeedName, type Permission, PERMISSIONS } from "./needs.ts";

/** One thing given up. */
export interface Step {
  readonly name: string;
  readonly done: boolean;
  /** What holds now, or why it does not. */
  readonly detail: string;
}

export interface DropOptions {
  readonly needs: readonly NeedName[];
  /** Processes that may still be signalled, beside ourselves. */
  readonly signals?: readonly number[];
  readonly assets?: (name: AssetName) => Uint8Array;
}

export function dropPrivileges(options: DropOptions): readonly Step[] {
  const needs = [...options.needs];
  if (
    needs.includes("processes") &&
    hidesProcesses(runtimeFiles.readText("/proc/self/mountinfo") ?? "")
  ) {
    needs.push("hiddenProcesses");
  }
  const allowance = allow(needs, [Deno.pid, ...options.signals ?? []]);
  const steps: Step[] = [];
  const step = (name: string, refusal: string | null, holds: string): void => {
    steps.push({ name, done: refusal === null, detail: refusal ?? holds });
  };
  const status = runtimeFiles.readText("/proc/self/status") ?? "";
  const keep = maskOf(allowance.capabilities) & capabilityMask(status, "CapPrm");
  try {
    const assets = options.assets ?? readAsset;
    using process = new OwnProcess(new Uint8Array(assets("threads.so")));
    step("memory", process.hideMemory(), "no core files, not to be looked at");
    const done = process.limitThreads({
      keep,
      bounding: boundingMask(status),
      readable: allowance.landlock ? [...allowance.reads] : null,
    });
    step("capabilities", done.capabilities, `kept: ${namesOf(keep).join(", ") || "none"}`);
    step("bounding set", done.bounding, "the same");
    step("new privileges", done.noNewPrivileges, "none, whatever is executed");
    const where = `opens ${[...allowance.reads].join(", ") || "nothing"} to read, nothing to write`;
    const without = allowance.landlock ? done.landlock : "other processes are to be examined";
    step("Landlock", without, where);
    const filter = process.filterCalls(encodeFilter(allowance.rules, Deno.build.arch));
    step("system calls", filter, "no exec, no new socket, no file opened for writing, no ptrace");
  } catch (error) {
    step("privileges", error instanceof Error ? error.message : String(error), "");
  }
  step("runtime permissions", null, `without ${revokeAllBut(allowance.permissions).join(", ")}`);
  return steps;
}

/** Also that of native code: what was opened stays callable, and no pointer is followed any more. */
function revokeAllBut(kept: ReadonlySet<Permission>): readonly Permission[] {
  const revoked = PERMISSIONS.filter((name) => !kept.has(name));
  for (const name of revoked) Deno.permissions.revokeSync({ name });
  return revoked;
}

/** The bounding set; 0 without CAP_SETPCAP, which dropping takes. Under no_new_privs it has no effect. */
function boundingMask(status: string): bigint {
  const CAP_SETPCAP = 8n;
  const effective = capabilityMask(status, "CapEff");
  return ((effective >> CAP_SETPCAP) & 1n) === 1n ? capabilityMask(status, "CapBnd") : 0n;
}

/** Is /proc mounted so that it shows everybody their own processes only? */
export function hidesProcesses(mountinfo: string): boolean {
  return mountinfo.split("\n").some((line) => {
    const [, , , , folder] = line.split(" ");
    return folder === "/proc" && /[ ,]hidepid=(?!0|off)/.test(line);
  });
}
