/**
 * A plug-in that counts what it is asked. In: a plug-in. Out: the same, and how often and on how many
 * bytes it was called: numbers that do not depend on the machine.
 */
import type { Exchange, ParseResult, Plugin, Protocol, Started } from "../../protocols/protocol.ts";

export class Work {
  /** Calls of parseFrame() and findBoundary(). */
  calls = 0;
  /** Bytes that were got through, and bytes that were shown and were not enough, or were no frame. */
  bytes = 0;

  parsed(result: ParseResult<unknown>, shown: number): void {
    this.calls++;
    const isVain = !("length" in result);
    this.bytes += isVain ? shown : Math.min(result.length, shown);
  }

  searched(bytes: number): void {
    this.calls++;
    this.bytes += bytes;
  }
}

/** The plug-in, whose calls add to `work`. */
export function counting(plugin: Plugin, work: Work): Plugin {
  return {
    ...plugin,
    start(options): Started {
      const started = plugin.start(options);
      return {
        ...started,
        open: (visit) => started.open((protocol, trace) => visit(watched(protocol, work), trace)),
      };
    },
  };
}

function watched<F, S, X extends Exchange, T>(
  protocol: Protocol<F, S, X, T>,
  work: Work,
): Protocol<F, S, X, T> {
  return {
    ...protocol,
    parseFrame(bytes, context): ParseResult<F> {
      const result = protocol.parseFrame(bytes, context);
      work.parsed(result, bytes.length);
      return result;
    },
    findBoundary(bytes, from, context): number {
      const found = protocol.findBoundary(bytes, from, context);
      work.searched(found - from);
      return found;
    },
  };
}
