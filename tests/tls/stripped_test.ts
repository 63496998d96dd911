/**
 * OpenSSL and BoringSSL without symbols: small libraries that report errors as these do, made here,
 * examined stripped, against what readelf says of them unstripped.
 */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import { fileReader, symbolOffsets } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

const HEAD = `
#include <stddef.h>
#define APART __attribute__((noipa))
#define PUBLIC __attribute__((visibility("default")))
volatile int work;
APART int check(void *ssl, int what) { return work += what; }
APART void ERR_set_debug(const char *file, int line, const char *name) { work += line; }
APART void ERR_put_error(int library, int unused, int reason, const char *file, unsigned line) { work += line; }
`;
const SET = 'ERR_set_debug("ssl/ssl_lib.c", __LINE__, __func__)';

/** A role of OpenSSL; the inner function has more arguments from 3.3 on. */
function opensslRole(role: string, apart: string, flags = ""): string {
  const none = flags === "" ? "" : "0, ";
  return `
${apart} int ssl_${role}_internal(void *ssl, void *bytes, size_t size, ${flags} size_t *moved) {
  if (check(ssl, 1) < 0) { ${SET}; return -1; }
  *moved = size + work;
  return 1;
}
int SSL_${role}(void *ssl, void *bytes, int size) {
  size_t moved;
  if (size < 0) { ${SET}; return -1; }
  return ssl_${role}_internal(ssl, bytes, size, ${none} &moved) > 0 ? (int)moved : 0;
}
int SSL_${role}_ex(void *ssl, void *bytes, size_t size, size_t *moved) {
  int result = ssl_${role}_internal(ssl, bytes, size, ${none} moved);
  return result < 0 ? 0 : result;
}
PUBLIC int use_${role}(void *ssl, void *bytes, size_t *moved) {
  return SSL_${role}(ssl, bytes, 1) + SSL_${role}_ex(ssl, bytes, 2, moved);
}
`;
}

function version(text: string): string {
  return `PUBLIC const char *version(void) { return "${text}"; }\n`;
}

const PUT = (reason: number): string =>
  `{ ERR_put_error(16, 0, ${reason}, "third_party/boringssl/ssl/ssl_lib.cc", __LINE__); return -1; }`;
const BORINGSSL = `
APART int ssl_read_impl(void *ssl) {
  if (check(ssl, 1)) ${PUT(226)}
  if (check(ssl, 2)) ${PUT(215)}
  return work;
}
APART int SSL_do_handshake(void *ssl) {
  if (check(ssl, 3)) ${PUT(226)}
  return work;
}
int SSL_peek(void *ssl, void *bytes, int size) {
  if (check(ssl, 4)) ${PUT(66)}
  int result = ssl_read_impl(ssl);
  return result <= 0 || size <= 0 ? result : size;
}
READ_APART int SSL_read(void *ssl, void *bytes, int size) {
  int result = SSL_peek(ssl, bytes, size);
  if (result > 0) { check(bytes, result); check(ssl, result); }
  return result;
}
int SSL_write(void *ssl, void *bytes, int size) {
  if (check(ssl, 5)) ${PUT(66)}
  if (check(ssl, 6)) ${PUT(226)}
  if (SSL_do_handshake(ssl) == 0) ${PUT(215)}
  if (size < 0) ${PUT(111)}
  return size + work;
}
PUBLIC int use(void *ssl, void *bytes) {
  return SSL_read(ssl, bytes, 1) + SSL_write(ssl, bytes, 2) + SSL_do_handshake(ssl);
}
`;
const BORINGSSL_INLINED = BORINGSSL.replace("READ_APART", "__attribute__((flatten, noinline))");
const BORINGSSL_APART = BORINGSSL.replace("READ_APART", "__attribute__((noipa))")
  .replace("int SSL_peek", "APART int SSL_peek");

interface Case {
  readonly name: string;
  readonly code: string;
  readonly flags?: readonly string[];
  readonly want: readonly string[];
  /** The family that is recognised, when nothing can be probed. */
  readonly unreadable?: string;
}

const READ = opensslRole("read", "APART");
const WRITE = opensslRole("write", "APART");
const OLD = version("OpenSSL 3.0.15 3 Sep 2024");
const APART = ["ssl_read_internal read ssl_ex", "ssl_write_internal write ssl_ex"];

const CASES: readonly Case[] = [
  { name: "OpenSSL 3.0", code: READ + WRITE + OLD, want: APART },
  {
    name: "OpenSSL 3.0 at fixed addresses",
    code: `${READ + WRITE + OLD} int main(void) { return use_read(0, 0, 0) + use_write(0, 0, 0); }`,
    flags: ["-no-pie", "-fno-pic"],
    want: APART,
  },
  {
    name: "OpenSSL 3.0, the inner functions inlined",
    code: opensslRole("read", "static inline __attribute__((always_inline))") +
      opensslRole("write", "static inline __attribute__((always_inline))") + OLD,
    flags: ["-fno-inline-functions-called-once"],
    want: [
      ...["SSL_read read ssl", "SSL_read_ex read ssl_ex"],
      ...["SSL_write write ssl", "SSL_write_ex write ssl_ex"],
    ],
  },
  {
    name: "OpenSSL 3.0, built without names of files",
    code: (READ + WRITE + OLD).replaceAll('"ssl/ssl_lib.c"', '""'),
    want: APART,
  },
  {
    name: "OpenSSL 3.3, whose writes have flags",
    code: READ + opensslRole("write", "APART", "long flags,") + version("OpenSSL 3.3.0 9 Apr 2024"),
    want: ["ssl_read_internal read ssl_ex", "ssl_write_internal write ssl_ex2"],
  },
  {
    name: "OpenSSL of a version that it does not say",
    code: READ + WRITE,
    want: [],
    unreadable: "openssl",
  },
  { name: "OpenSSL that only reads", code: READ + OLD, want: [], unreadable: "openssl" },
  {
    name: "OpenSSL without a table of frames",
    code: READ + WRITE + OLD,
    flags: ["-fno-asynchronous-unwind-tables", "-Wl,--no-eh-frame-hdr"],
    want: [],
    unreadable: "openssl",
  },
  {
    name: "BoringSSL",
    code: BORINGSSL_INLINED,
    want: ["SSL_peek peek ssl", "SSL_read read ssl", "SSL_write write ssl"],
  },
  {
    name: "BoringSSL of 2022, whose SSL_write looks at no size",
    code: BORINGSSL_INLINED.replace(/ {2}if \(size < 0\).*\n/, ""),
    want: ["SSL_peek peek ssl", "SSL_read read ssl", "SSL_write write ssl"],
  },
  {
    name: "BoringSSL, whose SSL_read calls SSL_peek",
    code: BORINGSSL_APART,
    want: [],
    unreadable: "boringssl",
  },
  {
    name: "BoringSSL with two functions like SSL_write",
    code: BORINGSSL_INLINED +
      (/int SSL_write[^]*?\n}\n/.exec(BORINGSSL)?.[0] ?? "").replace("SSL_write", "SSL_other") +
      "PUBLIC int use_other(void *ssl) { return SSL_other(ssl, ssl, 1); }",
    want: [],
    unreadable: "boringssl",
  },
];

Deno.test("examineFile() finds functions without symbols by their errors, or says that it does not", async (test) => {
  const folder = Deno.makeTempDirSync();
  try {
    for (const { name, code, flags = [], want, unreadable } of CASES) {
      await test.step(name, async () => {
        const path = `${folder}/library.so`;
        const kind = flags.includes("-no-pie") ? [] : ["-shared", "-fPIC"];
        const common = [
          "-O2",
          "-w",
          "-fno-inline-small-functions",
          "-fvisibility=hidden",
          "-x",
          "c",
        ];
        await run("gcc", [...kind, ...common, ...flags, "-", "-o", path], { stdin: HEAD + code });
        await run("strip", ["-o", `${path}.stripped`, path]);
        const examined = examineFile(fileReader(`${path}.stripped`));
        const nameAt = new Map([...await symbolOffsets(path)].map(([symbol, at]) => [at, symbol]));
        const sites = examined.codes.flatMap((each) => each.sites);
        const got = sites.map(({ role, isPeek, shape, entry }) =>
          `${nameAt.get(entry) ?? "?"} ${isPeek === true ? "peek" : role} ${shape}`
        );
        assert.deepEqual(got.sort(), want);
        assert.ok(sites.every(({ how }) => how === "pattern"));
        assert.deepEqual(
          examined.unreadable.map(({ family }) => family),
          [unreadable ?? []].flat(),
        );
      });
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
