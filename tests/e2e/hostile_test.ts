/**
 * One hostile connection takes nobody else from being recorded, and Ctrl-C is heard meanwhile.
 * Needs root and nginx.
 */
import assert from "node:assert/strict";
import { startNginx } from "../support/servers.ts";
import { startTracer } from "../support/tracer.ts";

const HOSTILE_BYTES = 8 << 20;
/** Far less than the minutes that such bytes took, far more than a busy machine needs. */
const MAX_STOP_MS = 10_000;

/** A server that takes whatever comes, and one connection to it that sends heads without end. */
async function attack(listener: Deno.TcpListener, bytes: number): Promise<void> {
  const { port } = listener.addr as Deno.NetAddr;
  const [taken, conn] = await Promise.all([listener.accept(), Deno.connect({ port })]);
  const drained = taken.readable.pipeTo(new WritableStream());
  const writer = conn.writable.getWriter();
  const part = new TextEncoder().encode("GET /".repeat(6000));
  await writer.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  for (let sent = 0; sent < bytes; sent += part.length) await writer.write(part);
  await writer.close();
  await drained;
}

Deno.test("a connection of heads without end takes no record from others, and no signal", async () => {
  await using nginx = await startNginx({ files: { page: "hello" } });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ports = [`${nginx.port}`, `${(listener.addr as Deno.NetAddr).port}`];
  await using tracer = await startTracer(...ports.flatMap((port) => ["--port", port]));
  let done = false;
  const hostile = attack(listener, HOSTILE_BYTES).finally(() => done = true);
  let asked = 0;
  while (!done || asked < 50) {
    const answer = await fetch(`http://127.0.0.1:${nginx.port}/page`);
    assert.equal(await answer.text(), "hello");
    asked++;
  }
  await hostile;
  const before = performance.now();
  const { records, code } = await tracer.stop();
  assert.ok(performance.now() - before < MAX_STOP_MS, "Ctrl-C was not heard");
  assert.equal(code, 0);
  const pages = records.filter(({ role, request, response }) =>
    role === "server" && request?.path === "/page" && response?.status === 200
  );
  assert.equal(pages.length, asked);
});
