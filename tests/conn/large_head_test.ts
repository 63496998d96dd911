/** HTTP heads beyond what is kept are shown cut: their exchanges are there, and so are the next ones. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { plugins } from "../../protocols/registry.ts";
import { Conversation, Trace } from "../support/events.ts";

const LARGE = `X: ${"x".repeat(1000)}\r\n`.repeat(300);

for (const role of ["server", "client"] as const) {
  for (const side of ["request", "response"] as const) {
    Deno.test(`a ${role}'s ${side} with a head of 300 KiB is shown as far as it is kept`, () => {
      const of = (which: string): string => which === side ? LARGE : "";
      const on = new Conversation({ role }).open();
      on.sayInChunks("request", `GET /a HTTP/1.1\r\nHost: a\r\n${of("request")}\r\n`, 30_000);
      on.sayInChunks(
        "response",
        `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${of("response")}\r\n`,
        30_000,
      );
      for (const path of ["/b", "/c"]) {
        on.say("request", `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        on.say("response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }
      const records = new Trace({ protocols: plugins }).feedAll(on.close().entries).finish();
      deepEqual(
        records.map(({ request, response }) => [
          request !== null && "path" in request && request.path,
          response !== null && "status" in response && response.status,
        ]),
        [["/a", 200], ["/b", 200], ["/c", 200]],
      );
      ok(records[0]?.incomplete?.includes("truncated"));
      equal(records.at(-1)?.response === null, false);
    });
  }
}
