/**
 * TLS servers and clients for tests, with a certificate made for them.
 *
 * In: what they should serve. Out: servers as in servers.ts. Clients have to be told not to verify.
 */
import { Background, run } from "./process.ts";
import { freePort, Server, startNginx } from "./servers.ts";

/** A key and a certificate of its own for localhost, in a folder. */
export async function makeCertificate(folder: string): Promise<{ key: string; cert: string }> {
  const key = `${folder}/key.pem`, cert = `${folder}/cert.pem`;
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  await run("openssl", [...request, "-nodes", "-keyout", key, "-out", cert, ...names]);
  return { key, cert };
}

/** nginx that speaks TLS on its port; as startNginx(). */
export async function startTlsNginx(
  options: Parameters<typeof startNginx>[0] = {},
): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
  try {
    const { key, cert } = await makeCertificate(folder);
    return await startNginx({
      ...options,
      listen: "127.0.0.1:PORT ssl",
      server: `ssl_certificate ${cert}; ssl_certificate_key ${key}; ${options.server ?? ""}`,
    });
  } finally {
    await Deno.remove(folder, { recursive: true }); // nginx has read them
  }
}

/** True when somebody takes connections there. TLS servers answer even one that says nothing. */
async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** A program that listens with TLS; `args` are its arguments. */
export async function startTlsServer(
  command: string,
  args: (at: { port: number; key: string; cert: string; folder: string }) => string[],
  env: Record<string, string> = {},
): Promise<Server> {
  const folder = await Deno.makeTempDir({ prefix: "sockeye-tls-" });
  const { key, cert } = await makeCertificate(folder);
  const port = freePort();
  const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const process = new Background("env", [...set, command, ...args({ port, key, cert, folder })], {
    cwd: folder,
  });
  await process.until(() => listens(port), command);
  return new Server(process, port, folder);
}

/** Column `tls` of what OpenSSL reads and writes on a connection whose handshake was seen. */
export const LATEST_TLS = {
  library: "openssl",
  version: "1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
};

/** The same of startTlsNginx(), which offers no later version by default. */
export const NGINX_TLS = {
  library: "openssl",
  version: "1.2",
  cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
};
