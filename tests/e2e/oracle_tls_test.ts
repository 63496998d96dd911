/**
 * tshark as oracle: hellos and alerts in a packet capture of the loopback device are what sockeye's
 * replay of it shows. Needs root, tcpdump and tshark.
 */
import assert from "node:assert/strict";
import { cipherName } from "../../protocols/tls/cipher_suites.ts";
import { alertName, groupName, isGrease, versionName } from "../../protocols/tls/names.ts";
import { capture, tshark } from "../support/pcap_loopback.ts";
import { run } from "../support/process.ts";
import { curl, openssl, startTls } from "../support/tls_servers.ts";
import { type Json, type SeenRecord, SOCKEYE } from "../support/tracer.ts";

/** Records of a capture, the oldest first; it shows each connection once. */
async function replayed(file: Uint8Array): Promise<SeenRecord[]> {
  const path = await Deno.makeTempFile({ suffix: ".pcap" });
  await Deno.writeFile(path, file);
  const { stdout } = await run(SOCKEYE, ["replay", "--protocol", "tls", "-o", "ndjson", path]);
  await Deno.remove(path);
  const records: SeenRecord[] = stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  return records.sort((a, b) => a.time < b.time ? -1 : 1);
}

/** tshark's numbers of a field, named; those of GREASE are none. */
function named(field: string | undefined, name: (value: number) => string): Json[] {
  return (field ?? "").split(",").filter((value) => value !== "").map(Number)
    .filter((value) => !isGrease(value)).map(name);
}

Deno.test("tshark: the same hellos, suites, groups, names and alerts", async () => {
  await using server = await startTls("-alpn", "http/1.1", "-cipher", "ALL:@SECLEVEL=0");
  const file = await capture(server.port, async () => {
    await curl(server);
    await curl(server, "/", ["--tls-max", "1.2"]);
    await openssl(server, ["-alpn", "h2,http/1.1", "-groups", "P-384:X25519"]);
    await openssl(server, ["-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]);
    await openssl(server, ["-tls1_2"], "other");
    await openssl(server, ["-tls1_3"], "other");
    await openssl(server, ["-alpn", "foo"]);
  });
  const records = await replayed(file);
  assert.equal(records.length, 7);
  const decodeAs = [`tcp.port==${server.port},tls`];

  const hellos = await tshark(file, "tls.handshake.type == 1", [
    "tls.handshake.extensions_server_name",
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.extensions_key_share_group",
  ], decodeAs);
  assert.deepEqual(
    records.map(({ request }) => [
      request?.sni,
      request?.cipher_suites,
      request?.alpn ?? [],
      request?.versions,
      request?.key_share_groups ?? [],
    ]),
    hellos.map(([sni, suites, alpn, versions, groups]) => [
      sni,
      named(suites, cipherName),
      alpn === "" ? [] : alpn?.split(","),
      versions === "" ? ["1.2"] : named(versions, versionName),
      named(groups, groupName),
    ]),
  );

  const answers = await tshark(file, "tls.handshake.type == 2", [
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions.supported_version",
  ], decodeAs);
  const answered = records.filter(({ response }) => response?.type === "server_hello");
  assert.deepEqual(
    answered.map(({ response }) => [response?.cipher, response?.version]),
    answers.map(([suite, version]) => [
      named(suite, cipherName)[0],
      version === "" ? "1.2" : named(version, versionName)[0],
    ]),
  );

  const alerts = await tshark(
    file,
    "tls.alert_message.desc != 0",
    ["tls.alert_message.desc"],
    decodeAs,
  );
  assert.deepEqual(
    records.flatMap(({ response }) => {
      const alert = response?.alert;
      return alert === undefined ? [] : [(alert as { description: string }).description];
    }),
    alerts.map(([description]) => alertName(Number(description))),
  );
  assert.equal(alerts.length, 3);
});
