/**
 * What code inside a running sockeye can do with the runtime: loaded before main.ts (--preload), it
 * waits among sockeye's own work for SIGUSR2. Out: one JSON object on stderr, by attempt the name of
 * the error, or "allowed".
 */
const PARENT = Deno.ppid;
const ATTEMPTS: Readonly<Record<string, () => unknown>> = {
  net: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  run: () => new Deno.Command("true").output(),
  kill: () => Deno.kill(PARENT, "SIGURG"),
  write: () => Deno.writeTextFile("/dev/null", ""),
  remove: () => Deno.remove("/nowhere"),
  env: () => Deno.env.get("PATH"),
  sys: () => Deno.hostname(),
  read: () => Deno.readTextFile("/dev/null"),
  read_proc: () => Deno.readTextFile("/proc/self/status"),
  ffi: () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }).close(),
  pointer: () => Deno.UnsafePointer.of(new Uint8Array(1)),
};

async function outcome(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "allowed";
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

Deno.addSignalListener("SIGUSR2", async () => {
  const outcomes: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(ATTEMPTS)) outcomes[name] = await outcome(attempt);
  console.error(JSON.stringify(outcomes));
});
