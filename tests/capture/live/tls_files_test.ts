/** Which files may hold TLS code, by paths, maps and the loader's cache. */
import assert from "node:assert/strict";
import {
  executableFiles,
  isDeleted,
  isLibrary,
  librariesInCache,
  mayHoldTls,
  usesMemory,
} from "../../../lib/capture/live/tls_files.ts";

const MAPS = `00400000-00452000 r-xp 00000000 fe:01 10                         /srv/static
55d0-55d4 r--p 00000000 fe:01 11                         /usr/sbin/nginx
55d4-55e0 r-xp 00004000 fe:01 11                         /usr/sbin/nginx
7f00-7f10 rw-p 00000000 00:00 0
7f10-7f20 r-xp 00010000 fe:01 22                         /opt/my app/libssl.so.3 (deleted)
7f20-7f30 r-xp 00050000 fe:01 22                         /opt/my app/libssl.so.3 (deleted)
7f30-7f31 rwxp 00000000 00:2f 33                         /memfd:jit
7ffc-7ffd r-xp 00000000 00:00 0                          [vdso]
ffff-ffff --xp 00000000 00:00 0                  [vsyscall]
`;

Deno.test("executableFiles() takes each file that code is run of, once", () => {
  assert.deepEqual(executableFiles(MAPS), [
    { file: "fe:01:10", path: "/srv/static", range: "400000-452000" },
    { file: "fe:01:11", path: "/usr/sbin/nginx", range: "55d4-55e0" },
    { file: "fe:01:22", path: "/opt/my app/libssl.so.3 (deleted)", range: "7f10-7f20" },
    { file: "00:2f:33", path: "/memfd:jit", range: "7f30-7f31" },
  ]);
  assert.deepEqual(executableFiles(""), []);
});

const PATHS: { path: string; may: boolean }[] = [
  { path: "/usr/sbin/nginx", may: true },
  { path: "/usr/lib/x86_64-linux-gnu/libssl.so.3", may: true },
  { path: "/lib/x86_64-linux-gnu/libgnutls.so.30.34.3 (deleted)", may: true },
  { path: "/usr/lib/x86_64-linux-gnu/libc.so.6", may: false },
  { path: "/usr/lib/libz.so.1 (deleted)", may: false },
  { path: "/lib64/ld-linux-x86-64.so.2", may: false },
  { path: "/srv/app/libnetty_tcnative.so", may: true },
  { path: "/usr/lib/python3/dist-packages/x/_rust.abi3.so", may: true },
  { path: "/opt/libssl.so.3 (deleted)", may: true },
  { path: "/memfd:libbpf.so (deleted)", may: false },
  { path: "/dev/zero", may: false },
  { path: "//anon", may: false },
  { path: "[vdso]", may: false },
  { path: "", may: false },
];
for (const { path, may } of PATHS) {
  Deno.test(`mayHoldTls() of "${path}"`, () => assert.equal(mayHoldTls(path), may));
}

Deno.test("isDeleted() and isLibrary() go by the name's end", () => {
  assert.ok(isDeleted("/a/b (deleted)") && !isDeleted("/a (deleted)/b"));
  for (const path of ["/a/b.so", "/a/b.so.1", "/a/b.so (deleted)"]) {
    assert.ok(isLibrary(path), path);
  }
  for (const path of ["/a/b", "/a.so/b", "/a/b.sock"]) assert.ok(!isLibrary(path), path);
});

Deno.test("usesMemory() knows Python's module, and .NET's", () => {
  assert.ok(usesMemory("/usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so"));
  assert.ok(usesMemory("/usr/share/dotnet/libSystem.Security.Cryptography.Native.OpenSsl.so"));
  assert.ok(!usesMemory("/usr/lib/x86_64-linux-gnu/libssl.so.3"));
});

Deno.test("librariesInCache() finds TLS libraries between other bytes, each once", () => {
  const text = "\x00\x01glibc-ld.so.cache1.1\0libssl.so.3\0/lib/x/libssl.so.3\0/lib/x/libz.so.1\0" +
    "libgnutls.so.30\0/lib/x/libgnutls.so.30\0/lib/x/libssl.so.3\0/lib/x/libsslx.so\0";
  const cache = Uint8Array.from(text, (char) => char.charCodeAt(0));
  assert.deepEqual(librariesInCache(cache), ["/lib/x/libssl.so.3", "/lib/x/libgnutls.so.30"]);
  assert.deepEqual(librariesInCache(new Uint8Array(0)), []);
});
