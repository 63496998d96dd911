/** Real proxies on loopback. In: where they lead. Out: a Server, ready for connections. */
import { Background } from "./process.ts";
import { accepts, freePort, Server } from "./servers.ts";

/**
 * haproxy, which passes connections on and says whose they were by a PROXY header: `send` is
 * "send-proxy" (version 1) or "send-proxy-v2".
 */
export async function startHaproxy(to: number, send: string): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-haproxy-" });
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    `defaults
  mode tcp
  timeout connect 60s
  timeout client 60s
  timeout server 60s
listen front
  bind 127.0.0.1:${port}
  server behind 127.0.0.1:${to} ${send}
`,
  );
  const haproxy = new Background("/usr/sbin/haproxy", ["-db", "-f", `${folder}/haproxy.cfg`]);
  await haproxy.until(() => accepts(port), "haproxy");
  return new Server(haproxy, port, folder);
}

/** tinyproxy, through which clients reach everything of this host, by CONNECT, too. */
export async function startTinyproxy(): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-tinyproxy-" });
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/conf`,
    `Port ${port}\nListen 127.0.0.1\nUser root\nGroup root\nTimeout 60\nAllow 127.0.0.1\n`,
  );
  const tinyproxy = new Background("/usr/bin/tinyproxy", ["-d", "-c", `${folder}/conf`]);
  await tinyproxy.until(() => accepts(port), "tinyproxy");
  return new Server(tinyproxy, port, folder);
}
