/**
 * Large HTTP bodies between nginx and curl: true sizes, the head of the body, marked gaps.
 * Needs root, nginx and curl.
 */
import assert from "node:assert/strict";
import { curl } from "../support/curl.ts";
import { assertRequestHead, assertResponseHead, assertSound } from "../support/http_seen.ts";
import { startNginx } from "../support/servers.ts";
import { startTracer, traced, WAYS } from "../support/tracer.ts";

const MIB = 1 << 20;
const SIZE = 10 * MIB;
/** What --max-body shows unless told otherwise. */
const SHOWN = 4096;
const RING = ["--ring-mib", "64"];

/** Text in which every place is told from every other. */
function numbered(size: number): string {
  let text = "";
  for (let at = 0; at < size; at += 16) text += `${at}`.padStart(15, ".") + "\n";
  return text.slice(0, size);
}

for (const way of WAYS) {
  Deno.test(`e2e http: bodies of 10 MiB both ways have true sizes and the right head (${way} way)`, async () => {
    const text = numbered(SIZE);
    await using nginx = await startNginx({
      files: { "big.txt": text },
      server: "location /put/ { dav_methods PUT; create_full_put_path on; }",
    });
    const url = `http://127.0.0.1:${nginx.port}`;
    const fromMs = Date.now();
    const args = ["--capture", way, "--pid", `${nginx.pid}`, ...RING];
    const [download, upload, chunked] = [
      { urls: [`${url}/big.txt`, `${url}/big.txt?again`] },
      { urls: [`${url}/put/big`], args: ["--upload-file", `${nginx.folder}/html/big.txt`] },
      {
        urls: [`${url}/put/chunked`],
        args: ["-T", `${nginx.folder}/html/big.txt`, "-H", "Transfer-Encoding: chunked"],
      },
    ];
    const seen = { download: [], upload: [], chunked: [] } as Record<
      string,
      Awaited<ReturnType<typeof curl>>
    >;
    const records = await traced(args, async (tracer) => {
      seen.download = await curl(download);
      seen.upload = await curl(upload);
      seen.chunked = await curl(chunked);
      await tracer.untilRecords(4);
    });
    assert.equal(records.length, 4);
    assertSound(records, fromMs);
    const transfers = [...seen.download ?? [], ...seen.upload ?? [], ...seen.chunked ?? []];
    for (const [i, record] of records.entries()) {
      const transfer = transfers[i];
      assert.ok(transfer !== undefined);
      assertRequestHead(record.request, transfer.requestHead);
      assertResponseHead(record.response, transfer.responseHeads.at(-1) ?? "");
      assert.equal(record.incomplete, undefined);
      assert.equal(record.response_bytes, transfer.responseBytes);
      const large = i < 2 ? record.response : record.request;
      assert.equal(large?.body_bytes, SIZE);
      assert.equal(large?.body, text.slice(0, SHOWN));
      assert.equal(large?.body_truncated, true);
      if (i < 3) assert.equal(record.request_bytes, transfer.requestBytes);
      else assert.ok((record.request_bytes ?? 0) > SIZE + transfer.requestHead.length);
    }
  });

  Deno.test(`e2e http: of long bodies only the head is copied, and all is told (${way} way)`, async () => {
    const text = numbered(2 * SIZE);
    await using nginx = await startNginx({
      files: { "big.txt": text, "small.txt": "small" },
      server: "location /put/ { dav_methods PUT; create_full_put_path on; }",
    });
    const url = `http://127.0.0.1:${nginx.port}`;
    const slowly = ["--limit-rate", "40M"];
    const upload = ["--upload-file", `${nginx.folder}/html/big.txt`];
    for (const target of ["server", "client"]) {
      const statsFile = `${nginx.folder}/stats`;
      const process = target === "server" ? ["--pid", `${nginx.pid}`] : ["--comm", "curl"];
      const args = ["--capture", way, ...process, ...RING, "--stats-file", statsFile];
      await using tracer = await startTracer(...args);
      const transfers = await curl({
        urls: ["/big.txt", "/small.txt", "/big.txt", "/none"].map((path) => url + path),
        args: slowly,
      });
      transfers.push(...await curl({ urls: [`${url}/put/big`], args: [...slowly, ...upload] }));
      await tracer.untilRecords(transfers.length);
      const { records, summary, code } = await tracer.stop();
      assert.equal(code, 0);
      assert.match(summary, /nothing lost/);
      assert.equal(records.length, transfers.length);
      for (const [i, record] of records.entries()) {
        const transfer = transfers[i];
        assert.ok(transfer !== undefined);
        assertResponseHead(record.response, transfer.responseHeads.at(-1) ?? "");
        assert.equal(record.incomplete, undefined, `${target} ${i}`);
        assert.equal(record.request_bytes, transfer.requestBytes);
        assert.equal(record.response_bytes, transfer.responseBytes);
        const body = i === 4 ? record.request : record.response;
        assert.equal(body?.body_truncated, i % 2 === 0 ? true : undefined);
        if (i % 2 === 0) assert.equal(body?.body, text.slice(0, SHOWN));
      }
      const stats = JSON.parse(await Deno.readTextFile(statsFile));
      // How soon depends on how the machine fares; a body takes half a second.
      assert.ok(stats.passed_bytes > SIZE, `${target} ${stats.passed_bytes}`);
      assert.ok(stats.passed_bytes + stats.payload_bytes > 6 * SIZE);
      assert.deepEqual(stats.gaps, {});
    }
  });

  Deno.test(`e2e http: --max-body shows as much as asked for (${way} way)`, async () => {
    const text = numbered(3 * MIB);
    await using nginx = await startNginx({ files: { "big.txt": text } });
    const args = ["--capture", way, "--pid", `${nginx.pid}`, ...RING, "--max-body", "16MiB"];
    const records = await traced(args, async (tracer) => {
      await curl({ urls: [`http://127.0.0.1:${nginx.port}/big.txt`] });
      await tracer.untilRecords(1);
    });
    assert.equal(records.length, 1);
    assert.equal(records[0]?.response?.body, text);
    assert.equal(records[0]?.response?.body_truncated, undefined);
  });

  Deno.test(`e2e http: a body sent by sendfile is a marked gap, all else is exact (${way} way)`, async () => {
    const text = numbered(SIZE);
    await using nginx = await startNginx({
      files: { "big.txt": text, "small.txt": "small" },
      sendfile: true,
    });
    const url = `http://127.0.0.1:${nginx.port}`;
    const urls = ["/big.txt", "/small.txt", "/none", "/big.txt?again"].map((path) => url + path);
    const fromMs = Date.now();
    await using tracer = await startTracer("--capture", way, "--pid", `${nginx.pid}`, ...RING);
    const transfers = await curl({ urls });
    await tracer.untilRecords(urls.length);
    const { records, summary, code } = await tracer.stop();
    assert.equal(code, 0);
    assert.match(summary, /missing: \d+ gaps unseen, 20\.0 MiB/);
    assert.doesNotMatch(summary, /lost in/);
    assert.equal(records.length, urls.length);
    assertSound(records, fromMs);
    for (const [i, record] of records.entries()) {
      const transfer = transfers[i];
      assert.ok(transfer !== undefined);
      const size = transfer.body.length;
      assertRequestHead(record.request, transfer.requestHead);
      assertResponseHead(record.response, transfer.responseHeads.at(-1) ?? "");
      assert.equal(record.request_bytes, transfer.requestBytes);
      assert.equal(record.response_bytes, transfer.responseBytes);
      assert.equal(record.response?.body_bytes, size);
      const isFile = record.response?.status === 200;
      assert.deepEqual(record.incomplete, isFile ? ["gap"] : undefined);
      if (isFile) assert.equal(record.response?.body ?? "", "");
    }
  });
}
