/** The TLS libraries of this machine, against what readelf and objdump say of them. */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import type { Site } from "../../lib/tls/sites.ts";
import { fileOffsets, fileReader, functionsOf, symbolOffsets } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

const LIBSSL = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

function sitesOf(path: string): Site[] {
  return examineFile(fileReader(path)).codes.flatMap(({ sites }) => sites);
}

Deno.test("examineFile() finds the inner functions of Debian's libssl", async () => {
  const { codes, unreadable, buildId } = examineFile(fileReader(LIBSSL));
  const { stdout: notes } = await run("readelf", ["-n", LIBSSL]);
  assert.equal(buildId, /Build ID: (\w+)/.exec(notes)?.[1]);
  assert.deepEqual(unreadable, []);
  const want = await Promise.all(["SSL_read", "SSL_peek", "SSL_write"].map(firstCall));
  const common = { shape: "ssl_ex", exits: null, how: "inner" };
  assert.deepEqual(codes.map(({ family, sites }) => ({ family, sites })), [{
    family: "openssl",
    sites: [
      { role: "read", ...common, entry: want[0], name: "SSL_read" },
      { role: "read", isPeek: true, ...common, entry: want[1], name: "SSL_peek" },
      { role: "write", ...common, entry: want[2], name: "SSL_write" },
    ],
  }]);
});

/** In libssl the code's offsets are its addresses. */
async function firstCall(name: string): Promise<number> {
  const { stdout } = await run("objdump", ["-d", `--disassemble=${name}`, LIBSSL]);
  return parseInt(/call +([0-9a-f]+)/.exec(stdout)?.[1] ?? "", 16);
}

// Of node 20, SSL_read has the inner function inlined, and SSL_read_early_data calls it. Other builds differ,
// or use the system's library; in none may a call be seen twice, or not at all.
Deno.test("examineFile() probes of node's functions each, or one that it calls, never both", async () => {
  const path = await Deno.realPath((await run("sh", ["-c", "command -v node"])).stdout.trim());
  const functions = new Map((await functionsOf(path)).map((each) => [each.name, each]));
  const offsetOf = await fileOffsets(path);
  const sites = new Set(sitesOf(path).map(({ entry }) => entry));
  for (const name of PUBLIC) {
    const symbol = functions.get(name);
    if (symbol === undefined || symbol.address === 0) continue;
    const { stdout } = await run("objdump", [
      ...["-d", "--no-show-raw-insn", `--start-address=${symbol.address}`],
      ...[`--stop-address=${symbol.address + symbol.size}`, path],
    ]);
    const calls = [...stdout.matchAll(/(?:call|jmp) +([0-9a-f]+) </g)]
      .map(([, digits = ""]) => parseInt(digits, 16))
      .filter((target) => target <= symbol.address || target >= symbol.address + symbol.size);
    const callsSite = calls.some((target) => sites.has(offsetOf(target)));
    assert.equal(sites.has(offsetOf(symbol.address)), !callsSite, name);
  }
});

const PUBLIC = [
  ...["SSL_read", "SSL_read_ex", "SSL_read_early_data", "SSL_peek", "SSL_peek_ex"],
  ...["SSL_write", "SSL_write_ex", "SSL_write_ex2", "SSL_write_early_data"],
];

const OTHERS = [
  {
    library: "libgnutls.so.30",
    family: "gnutls",
    want: [
      ...["gnutls_record_recv read", "gnutls_record_recv_early_data read"],
      // gnutls_record_send jumps to gnutls_record_send2.
      ...["gnutls_record_recv_seq read", "gnutls_record_send2 write"],
      ...["gnutls_record_send_early_data write", "gnutls_record_send_range write"],
    ],
  },
  {
    library: "libnspr4.so",
    family: "nss",
    want: ["PR_Read read", "PR_Recv read", "PR_Send write", "PR_Write write"],
  },
  { library: "libc.so.6", family: null, want: [] },
  { library: "libcrypto.so.3", family: null, want: [] },
];

for (const { library, family, want } of OTHERS) {
  Deno.test(`examineFile() finds the functions of ${library}`, async () => {
    const path = `/usr/lib/x86_64-linux-gnu/${library}`;
    const { codes, unreadable } = examineFile(fileReader(path));
    assert.deepEqual(unreadable, []);
    assert.deepEqual(codes.map((code) => code.family), family === null ? [] : [family]);
    const offsets = await symbolOffsets(path);
    const sites = codes.flatMap((code) => code.sites);
    for (const { name, entry } of sites) assert.equal(entry, offsets.get(name), name);
    assert.deepEqual(sites.map(({ name, role }) => `${name} ${role}`).sort(), want);
    assert.ok(sites.every(({ shape, how }) => shape === "record" && how === "symbol"));
  });
}
