/**
 * `sockeye replay FILE`: the records of a recording or packet capture. In: options and a file.
 * Out: records. It needs neither root nor the kernel, and never loads ffi/.
 */
import { openReplay } from "../capture/replay.ts";
import { openLog } from "./messages.ts";
import type { OutputOptions } from "./options.ts";
import { prepare, Session } from "./session.ts";
import { onEndSignal } from "./signals.ts";

/** Replays; what is whole of a damaged file is shown before the error. */
export async function replay(options: OutputOptions, file: string): Promise<number> {
  const log = openLog(options);
  const prepared = prepare(options);
  using source = openReplay(file);
  const session = new Session(source, options, prepared, {
    targeted: options.pid.length + options.comm.length > 0 || wasTargeted(source.facts?.filters),
    patient: true,
    filter: { pids: options.pid, comm: options.comm, ports: options.port },
  });
  using _signals = onEndSignal(() => session.run.stop("asked"));
  await session.work();
  session.conclude(log, {});
  if (source.failure !== null) throw source.failure;
  return 0;
}

/** A recording of chosen processes is replayed as it was traced. */
function wasTargeted(filters: Readonly<Record<string, unknown>> | undefined): boolean {
  return filters !== undefined &&
    [filters.pid, filters.comm, filters.command].some((value) =>
      value === true || (Array.isArray(value) && value.length > 0)
    );
}
