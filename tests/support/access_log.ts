/**
 * nginx's own account of the requests that it served, to compare records with.
 *
 * In: a server started with LOG_FORMAT and accessLog(). Out: one entry a request, in order.
 */
import type { Server } from "./servers.ts";

/** For the http block. */
export const LOG_FORMAT =
  `log_format account escape=json "$pid $remote_port $connection_requests $request_length $bytes_sent $status $request";`;
/** For the server block; the path is relative to the server's folder. */
export const ACCESS_LOG = "access_log access.log account;";

export interface LoggedRequest {
  pid: number;
  /** The client's. */
  port: number;
  /** Number of the request on its connection, from 1 on. */
  nth: number;
  requestBytes: number;
  responseBytes: number;
  status: number;
  /** The request line. */
  line: string;
}

export async function readAccessLog(server: Server): Promise<LoggedRequest[]> {
  const text = await Deno.readTextFile(`${server.folder}/access.log`);
  return text.trimEnd().split("\n").filter((line) => line !== "").map((line) => {
    const [pid, port, nth, requestBytes, responseBytes, status] = line.split(" ", 6).map(Number);
    return {
      pid: pid ?? 0,
      port: port ?? 0,
      nth: nth ?? 0,
      requestBytes: requestBytes ?? 0,
      responseBytes: responseBytes ?? 0,
      status: status ?? 0,
      line: line.split(" ").slice(6).join(" "),
    };
  });
}
