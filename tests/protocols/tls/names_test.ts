/** Names of numbers; tests/e2e/tls_names_test.ts compares them with those of openssl and tshark. */
import { equal, match, ok } from "node:assert/strict";
import { cipherName } from "../../../protocols/tls/cipher_suites.ts";
import { alertName, groupName, isGrease, versionName } from "../../../protocols/tls/names.ts";

Deno.test("cipherName() knows the registry, and each name once", () => {
  const names = Array.from({ length: 65536 }, (_, suite) => cipherName(suite));
  const known = names.filter((name) => !name.startsWith("0x"));
  equal(known.length, 356);
  equal(new Set(known).size, known.length);
  for (const name of known) match(name, /^TLS_[A-Z0-9][A-Za-z0-9_]+$/);
  equal(names[0x1301], "TLS_AES_128_GCM_SHA256");
  equal(names[0xc02f], "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  equal(names[0xd005], "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256");
  equal(names[0x5600], "TLS_FALLBACK_SCSV");
  equal(names[0xcafe], "0xcafe");
});

Deno.test("groupName(), versionName() and alertName() name what they know, and number the rest", () => {
  equal(groupName(29), "x25519");
  equal(groupName(0x11ec), "X25519MLKEM768");
  equal(groupName(0x0104), "ffdhe8192");
  equal(groupName(0x0105), "0x0105");
  equal(versionName(0x0304), "1.3");
  equal(versionName(0x0300), "SSL 3.0");
  equal(versionName(0x7f1c), "1.3 draft 28");
  equal(versionName(0x0305), "0x0305");
  equal(alertName(48), "unknown_ca");
  equal(alertName(200), "200");
});

Deno.test("isGrease() takes the sixteen values of RFC 8701", () => {
  const values = Array.from({ length: 65536 }, (_, value) => value).filter(isGrease);
  equal(values.length, 16);
  ok(values.includes(0x0a0a) && values.includes(0xfafa));
});
