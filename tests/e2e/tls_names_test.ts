/** Names of numbers as openssl and tshark have them. */
import assert from "node:assert/strict";
import { cipherName } from "../../protocols/tls/cipher_suites.ts";
import { alertName, groupName } from "../../protocols/tls/names.ts";
import { run } from "../support/process.ts";

/** tshark's names of a field's values. */
async function valuesOf(field: string): Promise<[number, string][]> {
  const { stdout } = await run("tshark", ["-G", "values"]);
  const rows = stdout.split("\n").map((line) => line.split("\t"));
  return rows.filter(([kind, of]) => kind === "V" && of === field)
    .map(([, , value, name = ""]) => [Number(value), name]);
}

Deno.test("cipherName() agrees with openssl about every suite that openssl has", async () => {
  const all = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
  const { stdout } = await run("openssl", ["ciphers", "-V", "-stdname", all]);
  let compared = 0;
  for (const line of stdout.split("\n")) {
    const [, high = "", low = "", name] = /0x(..),0x(..) - (\S+)/.exec(line) ?? [];
    if (name === undefined) continue;
    assert.equal(cipherName(parseInt(high + low, 16)), name);
    compared++;
  }
  assert.ok(compared > 150, `${compared}`);
});

Deno.test("cipherName() agrees with tshark about every suite that it names", async () => {
  const theirs = new Map(await valuesOf("tls.handshake.ciphersuite"));
  // tshark also names numbers that IANA does not; it does not know the newest two.
  const newest = ["TLS_AEGIS_256_SHA512", "TLS_AEGIS_128L_SHA256"];
  for (let suite = 0; suite < 65536; suite++) {
    const name = cipherName(suite);
    if (!name.startsWith("0x") && !newest.includes(name)) assert.equal(theirs.get(suite), name);
  }
});

Deno.test("groupName() and alertName() agree with tshark", async () => {
  // Experiments of liboqs have numbers that others were given later.
  const groups = (await valuesOf("tls.handshake.extensions_supported_group"))
    .filter(([value, name]) => (value < 0x200 || value >= 0xff00) && !name.includes("GREASE"));
  assert.ok(groups.length > 35);
  for (const [value, name] of groups) assert.equal(groupName(value), name);
  const alerts = await valuesOf("tls.alert_message.desc");
  assert.ok(alerts.length > 30);
  for (const [value, name] of alerts) {
    assert.equal(alertName(value), name.toLowerCase().replaceAll(" ", "_"));
  }
});
