/** Names that stand for secrets, and names that only look like it. */
import { equal } from "node:assert/strict";
import { isSecretName } from "../../lib/secrets/names.ts";

const SECRET = [
  ..."password Password PASSWD user[password] new_password pass db-pass pwd pw passphrase".split(
    " ",
  ),
  ..."token access_token accessToken id_token X-Auth-Token PRIVATE-TOKEN jwt bearer".split(" "),
  ..."api_key apiKey X-Api-Key api%5Fkey p%61ssword p%2561ssword secret client_secret".split(" "),
  ..."signature X-Amz-Signature sig sid PHPSESSID JSESSIONID connect.sid session auth".split(" "),
  ..."authorization\0 set-cookie2 requirepass masterauth client_assertion SAMLResponse".split(" "),
];
const PLAIN = [
  ..."page pageToken next_token continuation-token max_tokens x-ratelimit-remaining-tokens".split(
    " ",
  ),
  ..."token_type bypass compass author authority key keys sort signal design session_count".split(
    " ",
  ),
  ..."www-authenticate sec-websocket-key idempotency-key etag traceparent user host code".split(
    " ",
  ),
  ..."access-control-allow-credentials access-control-allow-headers pinned side x".split(" "),
  "",
];

Deno.test("isSecretName() knows names in every spelling", () => {
  for (const name of SECRET) equal(isSecretName(name), true, name);
});

Deno.test("isSecretName() lets pass what counts secrets, offers them or sounds like them", () => {
  for (const name of PLAIN) equal(isSecretName(name), false, name);
});
