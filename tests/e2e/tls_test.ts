/**
 * Handshakes of TLS end to end: openssl's server and client, and curl, on loopback; every record
 * counted, at both ends, in both capture ways. Needs root.
 */
import assert from "node:assert/strict";
import { run } from "../support/process.ts";
import type { Server } from "../support/servers.ts";
import { curl, NAME, openssl, startTls, SUBJECT } from "../support/tls_servers.ts";
import {
  bySide,
  type Fields,
  lossIn,
  type SeenRecord,
  startTracer,
  traced,
  WAYS,
} from "../support/tracer.ts";

type Way = typeof WAYS[number];

function test(
  name: string,
  serverArgs: string[],
  body: (server: Server, way: Way) => Promise<void>,
): void {
  for (const way of WAYS) {
    Deno.test(`tls, ${way} way: ${name}`, async () => {
      await using server = await startTls(...serverArgs);
      await body(server, way);
    });
  }
}

function bothEnds({ port }: Server, way: Way, protocol = "tls"): string[] {
  return ["--capture", way, "--no-tls", "--protocol", protocol, "--port", `${port}`];
}

/** Both ends have seen the same, so many times; one that gives up may not have read all of it. */
function sameAtBothEnds(records: SeenRecord[], count: number, isWhole = true): SeenRecord[] {
  const { client, server } = bySide(records);
  assert.deepEqual([client.length, server.length, records.length], [count, count, 2 * count]);
  const said = ({ request, response, request_bytes = 0, response_bytes = 0 }: SeenRecord): Fields =>
    isWhole ? { request, response, request_bytes, response_bytes } : { request, response };
  assert.deepEqual(client.map(said), server.map(said));
  for (const { protocol, incomplete } of records) {
    assert.deepEqual([protocol, incomplete], ["tls", undefined]);
  }
  return client;
}

test(
  "each handshake of curl with TLS 1.3 is one record",
  ["-alpn", "http/1.1"],
  async (server, way) => {
    const records = await traced(bothEnds(server, way), async () => {
      for (let i = 0; i < 20; i++) assert.match(await curl(server), /<HTML>/i);
    });
    const seen = sameAtBothEnds(records, 20);
    for (const { request, response, latency_ns, comm } of seen) {
      assert.equal(comm, "curl");
      assert.ok((latency_ns ?? 0) > 0);
      assert.equal(request?.type, "client_hello");
      assert.equal(request.version, "1.3");
      assert.equal(request.sni, NAME);
      assert.deepEqual(request.alpn, ["http/1.1"]);
      assert.deepEqual(request.key_share_groups, ["x25519"]);
      assert.match(`${request.ja4}`, /^t13d\d{4}h1_[0-9a-f]{12}_[0-9a-f]{12}$/);
      assert.ok(JSON.stringify(request.cipher_suites).includes('"TLS_AES_256_GCM_SHA384"'));
      assert.deepEqual(response, {
        type: "server_hello",
        version: "1.3",
        cipher: "TLS_AES_256_GCM_SHA384",
      });
    }
    assert.equal(new Set(seen.map(({ request }) => request?.ja4)).size, 1);
  },
);

test("TLS 1.2 shows ALPN and the certificate, as openssl prints it", [
  "-alpn",
  "http/1.1",
  "-tls1_2",
], async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    assert.match(await curl(server), /<HTML>/i);
  });
  const [of] = sameAtBothEnds(records, 1);
  const shown = await run("openssl", [
    ...["x509", "-in", `${server.folder}/server.crt`, "-noout", "-subject", "-issuer", "-enddate"],
    ...["-nameopt", "RFC2253,-esc_msb"],
  ]);
  const [, subject, issuer, end = ""] =
    /^subject=(.*)\nissuer=(.*)\nnotAfter=(.*)\n/.exec(shown.stdout) ?? [];
  assert.equal(subject, SUBJECT);
  const not_after = new Date(end).toISOString().replace(".000Z", "Z");
  assert.deepEqual(of?.response, {
    type: "server_hello",
    version: "1.2",
    cipher: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    alpn: "http/1.1",
    certificate: { subject, issuer, not_after },
  });
});

test("sessions that go on are told, in 1.2 and in 1.3", [], async (server, way) => {
  const session = `${server.folder}/session`;
  const records = await traced(bothEnds(server, way), async () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      await openssl(server, [version, "-sess_out", session]);
      await openssl(server, [version, "-sess_in", session]);
    }
  });
  const seen = sameAtBothEnds(records, 4).map((
    { request, response },
  ) => [
    response?.version,
    request?.session_resumption,
    response?.resumed,
    response?.certificate !== undefined,
  ]);
  assert.deepEqual(seen, [
    ["1.2", undefined, undefined, true],
    ["1.2", true, true, false],
    ["1.3", undefined, undefined, false],
    ["1.3", true, true, false],
  ]);
});

test(
  "another hello that the server asks for is in the same record",
  ["-groups", "P-384"],
  async (server, way) => {
    const records = await traced(bothEnds(server, way), async () => {
      await openssl(server, ["-groups", "X25519:P-384"]);
    });
    const [of] = sameAtBothEnds(records, 1);
    assert.deepEqual(of?.request?.key_share_groups, ["x25519"]);
    assert.deepEqual(of?.response?.hello_retry_request, { group: "secp384r1" });
  },
);

const ECDSA = ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "-tls1_2"];
test("a handshake that fails says who gave up, and why", ECDSA, async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    await openssl(server, [], "other");
    await openssl(server, ["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]);
    await openssl(server, ["-tls1_3"]);
  });
  const seen = sameAtBothEnds(records, 3, false).map((
    { response },
  ) => [response?.type, response?.alert]);
  assert.deepEqual(seen, [
    ["server_hello", { level: "fatal", description: "unknown_ca", by: "client" }],
    ["alert", { level: "fatal", description: "handshake_failure", by: "server" }],
    ["alert", { level: "fatal", description: "protocol_version", by: "server" }],
  ]);
});

test("a refused name, and a certificate that a client of 1.3 refuses", [
  ...[
    "-servername",
    "right.test",
    "-servername_fatal",
    "-cert2",
    "other.crt",
    "-key2",
    "other.key",
  ],
], async (server, way) => {
  const records = await traced(bothEnds(server, way), async () => {
    await openssl(server, ["-servername", "wrong.test"]);
    await openssl(server, ["-servername", "right.test"]);
  });
  const seen = sameAtBothEnds(records, 2, false).map((
    { request, response },
  ) => [request?.sni, response?.alert]);
  assert.deepEqual(seen, [
    ["wrong.test", { level: "fatal", description: "unrecognized_name", by: "server" }],
    ["right.test", { level: "fatal", description: "unknown_ca", by: "client" }],
  ]);
});

test(
  "behind the handshake no payload is sent, and --protocol unknown has the totals",
  ["-WWW"],
  async (server, way) => {
    const size = 4 << 20;
    await Deno.writeFile(`${server.folder}/large`, new Uint8Array(size));
    await using tracer = await startTracer(...bothEnds(server, way, "tls,unknown"));
    // Slowly enough for the verdict to reach the kernel side.
    await curl(server, "/large", ["-o", "/dev/null", "--limit-rate", "4M"]);
    const { records, summary, code } = await tracer.stop();
    assert.deepEqual([code, lossIn(summary)], [0, ""], summary);
    const handshakes = records.filter(({ protocol }) => protocol === "tls");
    const totals = records.filter(({ protocol }) => protocol === "unknown");
    assert.deepEqual([handshakes.length, totals.length], [2, 2]);
    for (const { request, response_bytes } of totals) {
      assert.equal(request?.tls, "encrypted: TLS records");
      assert.ok((response_bytes ?? 0) > size, `${response_bytes}`);
    }
    // What passed before the verdict reached the kernel side (sockets buffer some MiB) is not among these.
    const [, notKept] = /not kept: ([\d.]+) MiB of connections of no known/.exec(summary) ?? [];
    assert.ok(Number(notKept) >= 1, summary);
  },
);
