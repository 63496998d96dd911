/** How large the perf buffers are. In: CPUs and the operator's budget. Out: bytes of each ring. */

const KIB = 1024;
const MIB = 1024 * KIB;
/** The least: a ring must have room for some samples of 60 KiB. */
const LEAST_DATA = 128 * KIB;
const LEAST_CONN = 16 * KIB;
/**
 * 32 MiB a CPU hold what a busy server's CPU sends in a fifth of a second (170 MB/s): as long as the
 * reader may have to wait for a CPU of its own. All together stay below 256 MiB on large machines,
 * where not every CPU is that busy. Pages that were never written take no memory of a reader.
 */
const DATA_PER_CPU = 32 * MIB;
const DATA_TOTAL = 256 * MIB;
/** Connection events are 120 to 360 bytes, and a few for each connection: 1 MiB holds 1000 of these. */
const CONN_PART = 8;
/** What goes through TLS libraries is slower. */
const TLS_PART = 4;

/** One buffer's ring: the size to ask for, and the least that works. */
export interface RingSize {
  readonly bytes: number;
  readonly least: number;
}

/**
 * Rings must be powers of two. `totalMib`, when given, is shared out over the CPUs for the data
 * rings; the rings of connection events are an eighth of these on top, those of plain text a quarter.
 */
export function ringSizes(cpus: number, totalMib?: number): { data: RingSize; conn: RingSize } {
  const share = totalMib === undefined
    ? Math.min(DATA_PER_CPU, DATA_TOTAL / cpus)
    : totalMib * MIB / cpus;
  const data = Math.max(LEAST_DATA, 2 ** Math.floor(Math.log2(share)));
  return {
    data: { bytes: data, least: LEAST_DATA },
    conn: { bytes: Math.max(LEAST_CONN, connPart(data)), least: LEAST_CONN },
  };
}

/** Size of the connection events' rings beside data rings of that size. */
export function connPart(dataBytes: number): number {
  return dataBytes / CONN_PART;
}

/** Size of the plain text's rings beside data rings of that size. */
export function tlsPart(dataBytes: number): number {
  return dataBytes / TLS_PART;
}
