/**
 * openssl's server on loopback, with a certificate of its own, and clients of it. In: its options. Out:
 * a server that takes connections; what became of the clients.
 */
import { Background, run } from "./process.ts";
import { freePort, Server } from "./servers.ts";

export const NAME = "example.test";
/** As `openssl x509 -nameopt RFC2253` prints it. */
export const SUBJECT = `CN=${NAME},O=Example\\, Inc.,C=DE`;

/** `openssl s_server`, which answers HTTP requests with a page, or with files of its folder (-WWW). */
export async function startTls(...args: string[]): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
  await makeCertificate(folder, "server");
  await makeCertificate(folder, "other");
  const port = freePort();
  const process = new Background("openssl", [
    ...["s_server", "-accept", `127.0.0.1:${port}`, "-cert", `${folder}/server.crt`],
    ...["-key", `${folder}/server.key`, ...(args.includes("-WWW") ? [] : ["-www"]), ...args],
  ], { cwd: folder });
  await process.until(() => process.stdout.includes("ACCEPT"), "openssl s_server");
  return new Server(process, port, folder);
}

async function makeCertificate(folder: string, name: string): Promise<void> {
  await run("openssl", [
    ...["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-subj", `/C=DE/O=Example, Inc./CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`],
    ...["-days", "30", "-keyout", `${folder}/${name}.key`, "-out", `${folder}/${name}.crt`],
  ]);
}

/** openssl's client asks for a page. It trusts the server's certificate, or `trusts` another's. */
export async function openssl(
  server: Server,
  args: string[] = [],
  trusts = "server",
): Promise<void> {
  await run("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${server.port}`, "-servername", NAME, "-ign_eof"],
    ...["-verify_return_error", "-CAfile", `${server.folder}/${trusts}.crt`, ...args],
  ], { stdin: "GET / HTTP/1.0\r\n\r\n", allowFailure: true });
}

/** curl gets a page, or a file. */
export async function curl(server: Server, path = "/", args: string[] = []): Promise<string> {
  const { port, folder } = server;
  const { stdout } = await run("curl", [
    ...["-s", "-S", "--cacert", `${folder}/server.crt`, "--http1.1"],
    ...["--resolve", `${NAME}:${port}:127.0.0.1`, ...args, `https://${NAME}:${port}${path}`],
  ], { allowFailure: true });
  return stdout;
}
