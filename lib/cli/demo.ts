/**
 * `sockeye demo`: something to see on any machine. The server and its clients are processes of this
 * same executable, started as a traced COMMAND would be. In: nothing. Out: a live table for some
 * seconds. It listens on loopback only, on a port that the kernel chooses.
 */
import type { TraceOptions } from "./options.ts";

const CLIENTS = 2;
const REQUESTS = 12;
const PAUSE_MS = 220;

/** What starts this program again: the executable alone, or Deno with the program's source. */
export function ownCommand(): string[] {
  const alone = Deno.build.standalone || Deno.mainModule.startsWith("file:///proc/");
  if (alone) return [Deno.execPath()];
  return [Deno.execPath(), "run", "-A", "--no-check", new URL(Deno.mainModule).pathname];
}

/** The COMMAND that a demo traces. */
export function demoCommand(): string[] {
  return [...ownCommand(), "demo-peer", "server"];
}

/** The options of a demo's trace: without --protocol only http, which the demo speaks. */
export function demoOptions(options: TraceOptions): TraceOptions {
  return options.protocol.length > 0 ? options : { ...options, protocol: ["http"] };
}

/** A process of the demo; "server" starts the clients and ends with them. */
export async function demoPeer(role: string, url: string | undefined): Promise<void> {
  if (role === "server") await serve();
  else if (role === "client" && url !== undefined) await request(url);
}

async function serve(): Promise<void> {
  const options = { hostname: "127.0.0.1", port: 0, onListen: (): void => {} };
  const server = Deno.serve(options, handle);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const [program = "", ...args] = ownCommand();
  const clients = Array.from({ length: CLIENTS }, () =>
    new Deno.Command(program, {
      args: [...args, "demo-peer", "client", url],
      stdin: "null",
      stdout: "null",
    }).spawn());
  await Promise.all(clients.map((client) => client.status));
  await server.shutdown();
}

/** A shop of sorts: fast and slow answers, a redirect, failures. */
async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/":
      return new Response("welcome\n");
    case "/api/items":
      return Response.json([{ id: 1, name: "fin" }, { id: 2, name: "scale" }]);
    case "/api/orders": {
      const order = await request.text();
      return Response.json({ accepted: true, bytes: order.length }, { status: 201 });
    }
    case "/slow":
      await new Promise((resolve) => setTimeout(resolve, 60));
      return new Response("at last\n");
    case "/old":
      return new Response(null, { status: 301, headers: { location: "/" } });
    case "/broken":
      return Response.json({ error: "out of water" }, { status: 500 });
    default:
      return new Response("not found\n", { status: 404 });
  }
}

async function request(url: string): Promise<void> {
  const paths = ["/", "/api/items", "/api/orders", "/slow", "/old", "/nowhere", "/broken"];
  for (let i = 0; i < REQUESTS; i++) {
    const path = paths[i % paths.length] ?? "/";
    const init: RequestInit = path === "/api/orders"
      ? { method: "POST", body: JSON.stringify({ item: 1 + i % 2, count: i }) }
      : {};
    const response = await fetch(url + path, { ...init, redirect: "manual" });
    await response.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
