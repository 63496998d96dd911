/**
 * The scripted HTTP server of http_peer.py, and a client that says and hears plain bytes.
 *
 * In: bytes to send. Out: bytes received, untouched. Nothing here knows HTTP but the server.
 */
import { Background } from "./process.ts";

const LIMIT_MS = 60_000;

export class HttpPeer implements AsyncDisposable {
  readonly #process: Background;

  private constructor(process: Background, readonly port: number) {
    this.#process = process;
  }

  static async start(): Promise<HttpPeer> {
    const script = new URL("./http_peer.py", import.meta.url).pathname;
    const process = new Background("/usr/bin/python3", [script]);
    await process.until(() => process.stdout.includes("\n"), "the port");
    return new HttpPeer(process, Number(/^port (\d+)/.exec(process.stdout)?.[1]));
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The server's own file descriptor for a client's port, once the server has said it. */
  async fdOf(clientPort: number): Promise<number> {
    const line = new RegExp(`^accepted (\\d+) ${clientPort}\n`, "m");
    await this.#process.until(() => line.test(this.#process.stdout), "the connection");
    return Number(line.exec(this.#process.stdout)?.[1]);
  }

  /** One request on a connection of its own, and its answer. */
  async ask(path: string): Promise<string> {
    const body = `0 ${path}`;
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    using client = await RawClient.connect(this.port);
    await client.send(`GET ${path} HTTP/1.1\r\n\r\n`);
    return await client.read(answer.length);
  }

  /** Resolves when the server has read a request that it does not answer. */
  async untilUnanswered(): Promise<void> {
    await this.#process.until(() => this.#process.stdout.includes("unanswered"), "a request");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** A connection of the test itself. */
export class RawClient implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #text = new TextDecoder();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** The address that the server sees as remote. */
  get port(): number {
    return this.#conn.localAddr.port;
  }

  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Reads so many bytes; throws when they do not come. */
  async read(size: number): Promise<string> {
    const timer = setTimeout(() => this[Symbol.dispose](), LIMIT_MS);
    try {
      return await this.#read(size);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(size: number): Promise<string> {
    const buffer = new Uint8Array(size);
    let text = "";
    for (let got = 0; got < size;) {
      const count = await this.#conn.read(buffer.subarray(0, size - got));
      if (count === null) throw new Error(`Cannot read ${size} bytes: ended after ${got}`);
      text += this.#text.decode(buffer.subarray(0, count), { stream: true });
      got += count;
    }
    return text;
  }

  /** Reads to the end of the connection. */
  async rest(): Promise<string> {
    return await new Response(this.#conn.readable).text();
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // Read to its end: closed already.
    }
  }
}
