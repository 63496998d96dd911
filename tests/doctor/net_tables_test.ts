/** Socket tables of /proc, and other text that the doctor reads. */
import { deepEqual, equal } from "node:assert/strict";
import { parseInetTable, parseUnixTable, type TableSocket } from "../../lib/doctor/net_tables.ts";
import { parseTlsLibraries } from "../../lib/doctor/process.ts";

const TCP =
  `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 x 100 0 0 10 0
   1: 0100007F:1F90 0A01020A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1002 1 x 100 0 0 10 0
   2: 0100007F:1F90 0A01020A:9C41 06 00000000:00000000 03:00000000 00000000     0        0 0 3 x
broken line
`;
const TCP6 = `  sl  local_address                         remote_address st tx_queue
   0: 00000000000000000000000001000000:0050 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1003 1
`;

Deno.test("parseInetTable() reads addresses, states and inodes of IPv4 and IPv6", () => {
  const found = new Map<number, TableSocket>();
  parseInetTable(TCP, "tcp", found);
  parseInetTable(TCP6, "tcp", found);
  const common = { family: "tcp", type: "stream" };
  deepEqual([...found], [
    [1001, { ...common, listening: true, local: "127.0.0.1:8080", remote: "" }],
    [1002, { ...common, listening: false, local: "127.0.0.1:8080", remote: "10.2.1.10:40000" }],
    [1003, { ...common, listening: false, local: "[::1]:80", remote: "127.0.0.1:8080" }],
  ]);
});

Deno.test("parseUnixTable() reads types, names with blanks, and what listens", () => {
  const found = new Map<number, TableSocket>();
  parseUnixTable(
    `Num       RefCount Protocol Flags    Type St Inode Path
00000000: 00000002 00000000 00010000 0001 01  2001 /run/my app.sock
00000000: 00000003 00000000 00000000 0002 01  2002
00000000: 00000003 00000000 00000000 0005 03  2003 @abstract
nonsense
`,
    found,
  );
  const common = { family: "unix", remote: "" };
  deepEqual([...found], [
    [2001, { ...common, type: "stream", listening: true, local: "unix:/run/my app.sock" }],
    [2002, { ...common, type: "datagram", listening: false, local: "unix:" }],
    [2003, { ...common, type: "seqpacket", listening: false, local: "unix:@abstract" }],
  ]);
});

const maps: { name: string; path: string; tls: boolean }[] = [
  { name: "OpenSSL 3", path: "/usr/lib/x86_64-linux-gnu/libssl.so.3", tls: true },
  { name: "a replaced OpenSSL", path: "/usr/lib/libssl.so.1.1 (deleted)", tls: true },
  { name: "a wheel's own copy", path: "/opt/x.libs/libssl-3e69114b.so.3", tls: true },
  { name: "GnuTLS", path: "/lib/libgnutls.so.30.34.3", tls: true },
  { name: "NSS", path: "/usr/lib/libssl3.so", tls: true },
  { name: "libcrypto alone", path: "/usr/lib/libcrypto.so.3", tls: false },
  { name: "libc", path: "/usr/lib/libc.so.6", tls: false },
];
for (const { name, path, tls } of maps) {
  Deno.test(`parseTlsLibraries() ${tls ? "finds" : "passes over"} ${name}`, () => {
    const line = `7f10-7f20 r-xp 00000000 08:01 99   ${path}\n`;
    const want = tls ? [path.replace(" (deleted)", "")] : [];
    deepEqual(parseTlsLibraries(`00-01 rw-p 0 00:00 0\n${line}${line}`), want);
  });
}

Deno.test("parseTlsLibraries() makes nothing of nothing", () => {
  equal(parseTlsLibraries("").length, 0);
});
