/**
 * curl as a client that counts: what it sent and received, by its own account.
 *
 * In: curl's arguments for one or more transfers. Out: for each transfer the heads, the raw body as it
 * came over the wire (transfer coding included), sizes and ports.
 */
import { run } from "./process.ts";

export interface Transfer {
  /** The request's head as sent, its empty line included. */
  requestHead: string;
  /** Of head and body together; wrong where the body is chunked. */
  requestBytes: number;
  /** Every head of the response, interim ones first. */
  responseHeads: string[];
  responseBytes: number;
  /** Behind the last head. */
  body: Uint8Array;
  localPort: number;
  remotePort: number;
}

export interface CurlOptions {
  /** The transfers' URLs, on one connection if the server agrees. */
  urls: string[];
  args?: string[];
  stdin?: Uint8Array;
}

export async function curl({ urls, args = [], stdin }: CurlOptions): Promise<Transfer[]> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-curl-" });
  try {
    const outputs = urls.flatMap((_, i) => ["-o", `${folder}/${i}`]);
    const { stdout, stderr } = await run("curl", [
      ...["--silent", "--globoff", "--verbose", "--include", "--raw", "--write-out", "%{json}\n"],
      ...outputs,
      ...args,
      ...urls,
    ], { stdin });
    const heads = requestHeads(stderr);
    const counts = stdout.trim().split("\n").map((line) => JSON.parse(line));
    return await Promise.all(urls.map(async (_, i) => {
      const count = counts[i];
      const raw = await Deno.readFile(`${folder}/${i}`);
      return {
        requestHead: heads[i] ?? "",
        requestBytes: count.size_request + count.size_upload,
        responseHeads: splitHeads(raw, count.size_header),
        responseBytes: raw.length,
        body: raw.subarray(count.size_header),
        localPort: count.local_port,
        remotePort: count.remote_port,
      };
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** curl -v prints a request's lines behind "> ", the empty line too. */
function requestHeads(log: string): string[] {
  const heads: string[] = [];
  let head = "";
  for (const line of log.split("\n")) {
    if (!line.startsWith("> ")) continue;
    head += `${line.slice(2)}\n`;
    if (line !== "> \r") continue;
    heads.push(head);
    head = "";
  }
  return heads;
}

function splitHeads(raw: Uint8Array, size: number): string[] {
  const text = new TextDecoder().decode(raw.subarray(0, size));
  return text.split("\r\n\r\n").filter((head) => head !== "").map((head) => `${head}\r\n\r\n`);
}
