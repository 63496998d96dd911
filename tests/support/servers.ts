/**
 * Real servers on loopback, each with its own folder and port, gone when the test is over.
 *
 * In: what they should serve. Out: pid and port, ready for connections, all their processes there.
 */
import { Background } from "./process.ts";

/** Below the ports that systems give to clients, so that no connection takes it meanwhile. */
const PORTS = { first: 10_000, count: 20_000 };

/** A port that was free a moment ago. */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/**
 * True when a server there takes connections: it has closed one on which nothing came, so that no
 * trace that begins now finds it.
 */
export async function accepts(port: number, hostname = "127.0.0.1"): Promise<boolean> {
  return await closesAtOnce(() => Deno.connect({ hostname, port }));
}

async function closesAtOnce(connect: () => Promise<Deno.Conn>): Promise<boolean> {
  try {
    using conn = await connect();
    await conn.closeWrite();
    return await conn.read(new Uint8Array(1)) === null;
  } catch {
    return false;
  }
}

/** Pids of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((part) => part !== "").map(Number);
}

/** A server with a folder of its own. */
export class Server implements AsyncDisposable {
  constructor(
    readonly process: Background,
    readonly port: number,
    readonly folder: string,
    /** Processes of the server that serve for it. */
    readonly workers: readonly number[] = [],
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/**
 * nginx in the foreground; `server` goes into its server block, files into `folder`/html. `listen` is
 * "unix:/path", or an address with the word PORT for the port that is chosen, as in "[::1]:PORT".
 */
export async function startNginx(
  options: {
    server?: string;
    http?: string;
    workers?: number;
    listen?: string;
    sendfile?: boolean;
    files?: Record<string, string | Uint8Array>;
  } = {},
): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-nginx-" });
  const port = freePort();
  const workers = options.workers ?? 1;
  const listen = options.listen?.replace("PORT", `${port}`) ?? `127.0.0.1:${port}`;
  await Deno.mkdir(`${folder}/html`);
  for (const [name, content] of Object.entries(options.files ?? { "index.html": "hello\n" })) {
    if (typeof content === "string") await Deno.writeTextFile(`${folder}/html/${name}`, content);
    else await Deno.writeFile(`${folder}/html/${name}`, content);
  }
  await Deno.chmod(folder, 0o755);
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; user root;
worker_processes ${workers};
events { worker_connections 4096; }
http {
  access_log off; sendfile ${options.sendfile ? "on" : "off"}; keepalive_requests 1000000;
  client_max_body_size 64m; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  default_type text/plain;
  ${options.http ?? ""}
  server {
    listen ${listen};
    root ${folder}/html;
    ${options.server ?? ""}
  }
}
`,
  );
  const nginx = new Background("/usr/sbin/nginx", ["-c", `${folder}/nginx.conf`, "-p", folder]);
  const isUnix = listen.startsWith("unix:");
  const socket = listen.slice("unix:".length);
  const hostname = listen.startsWith("[::1]") ? "::1" : "127.0.0.1";
  await nginx.until(
    () =>
      isUnix
        ? closesAtOnce(() => Deno.connect({ transport: "unix", path: socket }))
        : accepts(port, hostname),
    "nginx",
  );
  // The master listens before it has a worker: connections wait until then.
  await nginx.until(() => childrenOf(nginx.pid).length === workers, "nginx's workers");
  return new Server(nginx, port, folder, childrenOf(nginx.pid));
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** redis-server without persistence. */
export async function startRedis(...args: string[]): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-redis-" });
  const port = freePort();
  const redis = new Background("redis-server", [
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ...["--dir", folder, ...args],
  ]);
  await redis.until(() => accepts(port), "redis-server");
  return new Server(redis, port, folder);
}

/** dnsmasq answering from its own records only. */
export async function startDnsmasq(...args: string[]): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-dnsmasq-" });
  const port = freePort();
  const dnsmasq = new Background("dnsmasq", [
    ...["--keep-in-foreground", "--conf-file=/dev/null", `--port=${port}`, "--no-resolv"],
    ...["--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root"],
    ...["--log-facility=-", `--pid-file=${folder}/pid`, "--cache-size=0", ...args],
  ]);
  await dnsmasq.until(() => accepts(port), "dnsmasq");
  return new Server(dnsmasq, port, folder);
}
