/**
 * How OpenSSL's functions call each other, in every way that a release or a compiler has it: small
 * libraries made here, against what readelf says of them.
 */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import { fileReader, symbolOffsets } from "../support/elf_files.ts";
import { run } from "../support/process.ts";

/** Work that no compiler takes apart. */
const HEAD = `
#include <stddef.h>
#define APART __attribute__((noipa))
volatile int work;
APART static int check(void *ssl, int direction) { return work += direction; }
APART static void fail(int line) { work = line; }
`;
const READ = `
static int inner_read(void *ssl, void *bytes, size_t size, size_t *moved) {
  if (check(ssl, 1) < 0) return -1;
  *moved = size + work;
  return 1;
}
int SSL_read(void *ssl, void *bytes, int size) {
  size_t moved;
  if (size < 0) { fail(1); return -1; }
  int result = inner_read(ssl, bytes, size, &moved);
  return result > 0 ? (int)moved : result;
}
int SSL_read_ex(void *ssl, void *bytes, size_t size, size_t *moved) {
  int result = inner_read(ssl, bytes, size, moved);
  return result < 0 ? 0 : result;
}
`;
const WRITE = READ.replaceAll("read", "write");
/** As from 3.3 on. */
const WRITE_FLAGS = `
APART static int inner_write(void *ssl, const void *bytes, size_t size, long flags, size_t *moved) {
  if (check(ssl, 2) < 0) return -1;
  *moved = size + work + flags;
  return 1;
}
int SSL_write(void *ssl, const void *bytes, int size) {
  size_t moved;
  if (size < 0) { fail(1); return -1; }
  int result = inner_write(ssl, bytes, size, 0, &moved);
  return result > 0 ? (int)moved : result;
}
int SSL_write_ex2(void *ssl, const void *bytes, size_t size, long flags, size_t *moved) {
  int result = inner_write(ssl, bytes, size, flags, moved);
  return result < 0 ? 0 : result;
}
int SSL_write_ex(void *ssl, const void *bytes, size_t size, size_t *moved) {
  return SSL_write_ex2(ssl, bytes, size, 0, moved);
}
`;
const EARLY = `
int SSL_read_ex(void *ssl, void *bytes, size_t size, size_t *moved);
int SSL_read_early_data(void *ssl, void *bytes, size_t size, size_t *moved) {
  if (check(ssl, 3) < 0) return 0;
  return SSL_read_ex(ssl, bytes, size, moved) > 0 ? 1 : 2;
}
`;
const LIBRESSL = `
int SSL_read(void *ssl, void *bytes, int size) {
  if (size < 0 || check(ssl, 1)) { fail(1); return -1; }
  return size + work;
}
int SSL_read_ex(void *ssl, void *bytes, size_t size, size_t *moved) {
  int result = SSL_read(ssl, bytes, (int)size);
  *moved = result;
  return result > 0;
}
`;
const BORINGSSL = `
int SSL_CTX_set_grease_enabled(void) { return work; }
int SSL_peek(void *ssl, void *bytes, int size) { return check(ssl, 1) + size; }
int SSL_read(void *ssl, void *bytes, int size) {
  int result = SSL_peek(ssl, bytes, size);
  if (result > 0) fail(result);
  return result;
}
int SSL_write(void *ssl, void *bytes, int size) { return check(ssl, 2) + size; }
`;
/** What both call first is not what reads: it has other arguments. */
const OTHER_FIRST = `
int SSL_peek(void *ssl, void *bytes, int size) { return check(ssl, -1) + size; }
int SSL_peek_ex(void *ssl, void *bytes, size_t size, size_t *moved) {
  return *moved = check(ssl, -1) + size;
}
`;
const GNUTLS = `
long gnutls_record_recv(void *session, void *bytes, size_t size);
int SSL_read(void *ssl, void *bytes, int size) { return gnutls_record_recv(ssl, bytes, size); }
`;

interface Case {
  readonly name: string;
  readonly code: string;
  readonly flags?: readonly string[];
  /** The place in readelf's words, the role, the shape, how it was found. */
  readonly want: readonly string[];
  readonly family?: string;
}

const APART_READ = READ.replace("static int inner", "APART static int inner");
const APART_WRITE = WRITE.replace("static int inner", "APART static int inner");
const INNER = ["inner_read read ssl_ex inner", "inner_write write ssl_ex inner"];

const CASES: readonly Case[] = [
  { name: "an inner function of each role", code: APART_READ + APART_WRITE, want: INNER },
  {
    name: "and without optimization",
    code: APART_READ,
    flags: ["-O0"],
    want: ["SSL_read read ssl symbol", "SSL_read_ex read ssl_ex symbol"],
  },
  { name: "and optimized for size", code: APART_READ + APART_WRITE, flags: ["-Os"], want: INNER },
  {
    name: "and guarded stacks",
    code: APART_READ + APART_WRITE,
    flags: ["-fstack-protector-all"],
    want: INNER,
  },
  {
    name: "and endbr64",
    code: APART_READ + APART_WRITE,
    flags: ["-fcf-protection=full"],
    want: INNER,
  },
  { name: "and no local symbols", code: APART_READ, flags: ["-s"], want: ["? read ssl_ex inner"] },
  { name: "writes with flags", code: WRITE_FLAGS, want: ["inner_write write ssl_ex2 inner"] },
  {
    name: "writes with flags, the symbol alone",
    code: WRITE_FLAGS.replaceAll("inner_write", "ssl_write_internal"),
    want: ["ssl_write_internal write ssl_ex2 inner"],
  },
  {
    name: "the inner function inlined everywhere",
    code: READ,
    want: ["SSL_read read ssl symbol", "SSL_read_ex read ssl_ex symbol"],
  },
  {
    name: "early data, which end in SSL_read_ex",
    code: APART_READ + EARLY,
    want: ["inner_read read ssl_ex inner"],
  },
  {
    name: "early data, with slots in place of stubs",
    code: READ + EARLY,
    flags: ["-fno-plt"],
    want: ["SSL_read read ssl symbol", "SSL_read_ex read ssl_ex symbol"],
  },
  {
    name: "early data that share nothing",
    code: EARLY.replaceAll("SSL_read_ex", "other_read"),
    want: ["SSL_read_early_data read early symbol"],
  },
  { name: "LibreSSL", code: LIBRESSL, want: ["SSL_read read ssl symbol"] },
  {
    name: "LibreSSL, with marked stubs",
    code: LIBRESSL,
    flags: ["-fcf-protection=full", "-Wl,-z,ibtplt", "-Wl,-z,now"],
    want: ["SSL_read read ssl symbol"],
  },
  {
    name: "LibreSSL, without stubs",
    code: LIBRESSL,
    flags: ["-Wl,-Bsymbolic"],
    want: ["SSL_read read ssl symbol"],
  },
  {
    name: "BoringSSL, whose SSL_read peeks",
    code: BORINGSSL,
    want: ["SSL_read read ssl symbol", "SSL_write write ssl symbol"],
    family: "boringssl",
  },
  {
    name: "a first call with other arguments",
    code: OTHER_FIRST,
    want: ["SSL_peek peek ssl symbol", "SSL_peek_ex peek ssl_ex symbol"],
  },
  { name: "GnuTLS below", code: GNUTLS, want: [] },
];

Deno.test("examineFile() probes of functions that call each other the innermost", async (test) => {
  const folder = Deno.makeTempDirSync();
  try {
    for (const { name, code, flags = [], want, family = "openssl" } of CASES) {
      await test.step(name, async () => {
        const path = `${folder}/library.so`;
        await run("gcc", ["-shared", "-fPIC", "-O2", "-w", "-x", "c", ...flags, "-", "-o", path], {
          stdin: HEAD + code,
        });
        const { codes } = examineFile(fileReader(path));
        const offsets = await symbolOffsets(path);
        const nameAt = new Map([...offsets].map(([symbol, offset]) => [offset, symbol]));
        const got = codes.flatMap(({ sites }) => sites).map(({ role, isPeek, shape, how, entry }) =>
          `${nameAt.get(entry) ?? "?"} ${isPeek === true ? "peek" : role} ${shape} ${how}`
        );
        assert.deepEqual(got.sort(), want);
        assert.deepEqual(codes.map((each) => each.family), want.length === 0 ? [] : [family]);
      });
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
