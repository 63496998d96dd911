/** Files made of parts: every layout that no toolchain here makes, and what cannot be probed. */
import assert from "node:assert/strict";
import { examineFile } from "../../lib/tls/examine.ts";
import { readerOf } from "../support/elf_files.ts";
import {
  CODE_AT,
  codeSection,
  elfImage,
  goBuildInfo,
  goTable,
  type ImageSection,
  type ImageSymbol,
  symbolSections,
} from "../support/elf_image.ts";

/** `cmp 16(%r14),%rsp; jbe; ret; int3 …`, twice: 16 bytes each. */
const GO_CODE = "493b66107601c3cccccccccccccccccc".repeat(2);
const READ = "crypto/tls.(*Conn).Read";
const WRITE = "crypto/tls.(*Conn).Write";
const GO = {
  magic: 0xfffffff1,
  functions: [{ name: WRITE, entry: 0 }, { name: READ, entry: 16 }],
  end: 32,
  textStart: CODE_AT,
};

interface Case {
  readonly name: string;
  readonly sections: readonly ImageSection[];
  /** Family, version, and of each site: role, shape, entry in the code, exits. */
  readonly want: readonly string[];
  readonly unreadable?: readonly string[];
}

function code(hex: string): ImageSection {
  return codeSection(Uint8Array.fromHex(hex));
}

function text(said: string): ImageSection {
  return { name: ".rodata", type: 1, bytes: new TextEncoder().encode(said) };
}

function functions(...symbols: ImageSymbol[]): ImageSection[] {
  return [code("c3".repeat(64)), ...symbolSections(symbols, 2)];
}

function goFile(hex: string, table: Partial<typeof GO> = {}): ImageSection[] {
  return [code(hex), goTable({ ...GO, ...table }), goBuildInfo("go1.20.3")];
}

const GO_SITES = ["go go1.20.3", "write go 0 6", "read go 16 22"];
const OF_OTHER_GO = ["go1.20.3: its functions are not as those of Go 1.17 to 1.26"];
const STRIPPED = "it has no symbols, by which its functions are found";
const RUST = "_ZN6rustls12common_state11CommonState";

const CASES: readonly Case[] = [
  { name: "Go 1.20's table", sections: goFile(GO_CODE), want: GO_SITES },
  { name: "Go 1.18's table", sections: goFile(GO_CODE, { magic: 0xfffffff0 }), want: GO_SITES },
  { name: "Go 1.16's table", sections: goFile(GO_CODE, { magic: 0xfffffffa }), want: GO_SITES },
  {
    name: "Go 1.26's table, which does not say where the text starts",
    sections: goFile(GO_CODE, { textStart: 0 }),
    want: GO_SITES,
  },
  {
    name: "a table that says something else",
    sections: goFile(GO_CODE, { textStart: CODE_AT + 8 }),
    want: GO_SITES,
  },
  {
    name: "Go with large frames",
    sections: goFile("4c8d6424804d3b6610c3".padEnd(32, "c") + "4c8dac2400f0ffff4d3b6e10c3ccccc3"),
    want: ["go go1.20.3", "write go 0 9", "read go 16 28 31"],
  },
  {
    name: "Go with arguments on the stack",
    sections: goFile("64488b0c25f8ffffffc3".padEnd(64, "c")),
    want: [],
    unreadable: OF_OTHER_GO,
  },
  {
    name: "Go with an instruction that is not known",
    sections: goFile(`${GO_CODE.slice(0, 12)}06c3`.padEnd(32, "c") + GO_CODE.slice(0, 32)),
    want: [],
    unreadable: OF_OTHER_GO,
  },
  {
    name: "Go of a version to come",
    sections: goFile(GO_CODE, { magic: 0xffffffe0 }),
    want: [],
    unreadable: ["go1.20.3: its table of functions is not known"],
  },
  {
    name: "Go without TLS",
    sections: goFile(GO_CODE, { functions: [{ name: "main.main", entry: 0 }] }),
    want: [],
  },
  {
    name: "rustls 0.23",
    sections: [
      ...functions(
        { name: `${RUST}23take_received_plaintext17h0123456789abcdefE`, at: 0 },
        { name: `${RUST}16buffer_plaintext17h0123456789abcdefE`, at: 16 },
      ),
      text("in /registry/src/rustls-0.23.20/src/conn.rs"),
    ],
    want: ["rustls rustls 0.23.20", "read rustls 0 null", "write rustls 16 null"],
  },
  {
    name: "rustls, with BoringSSL without symbols",
    sections: [
      ...functions(
        { name: `${RUST}23take_received_plaintext17h0123456789abcdefE`, at: 0 },
        { name: `${RUST}16buffer_plaintext17h0123456789abcdefE`, at: 16 },
      ),
      text("received corrupt message of type\0ssl/ssl_lib.cc\0"),
    ],
    want: ["rustls undefined", "read rustls 0 null", "write rustls 16 null"],
    unreadable: [`boringssl: ${STRIPPED}`],
  },
  {
    name: "rustls 0.23, optimized as a whole, of clients and servers",
    sections: functions(
      { name: `${RUST}23take_received_plaintext17h0123456789abcdefE`, at: 0 },
      ...[16, 32].map((at) => (
        { name: `_ZN6rustls4conn..ConnectionCommon$LT$T$GT$$GT$14send_plaintext17h${at}E`, at }
      )),
    ),
    want: [
      "rustls undefined",
      "read rustls 0 null",
      "write rustls 16 null",
      "write rustls 32 null",
    ],
  },
  {
    name: "rustls 0.21, mangled the new way",
    sections: functions(
      {
        name: "_RNvMs_NtCs1_6rustls12common_stateNtB4_11CommonState23take_received_plaintext",
        at: 0,
      },
      { name: "_RNvMs_NtCs1_6rustls12common_stateNtB4_11CommonState19send_some_plaintext", at: 32 },
    ),
    want: ["rustls undefined", "read rustls 0 null", "write record 32 null"],
  },
  {
    name: "rustls without symbols",
    sections: [code("c3"), text("cannot: received corrupt message of type")],
    want: [],
    unreadable: [`rustls: ${STRIPPED}`],
  },
  {
    name: "BoringSSL without symbols",
    sections: [code("c3"), text("../third_party/boringssl/src/ssl/ssl_lib.cc\0")],
    want: [],
    unreadable: [`boringssl: ${STRIPPED}`],
  },
  {
    name: "OpenSSL without symbols",
    sections: [code("c3"), text("\0ssl/ssl_lib.c\0")],
    want: [],
    unreadable: [`openssl: ${STRIPPED}`],
  },
  {
    name: "Java, and a library that is not read",
    sections: functions({ name: "JNI_CreateJavaVM", at: 0 }, { name: "mbedtls_ssl_read", at: 16 }),
    want: [],
    unreadable: ["jsse: Java's code is made while it runs", "mbedtls: this library is not read"],
  },
  {
    name: "OpenSSL 1.1.0, without other variants",
    sections: [
      ...functions({ name: "SSL_read", at: 0 }, { name: "SSL_write", at: 16 }),
      text("\0OpenSSL 1.1.0l  10 Sep 2019\0"),
    ],
    want: ["openssl OpenSSL 1.1.0l", "read ssl 0 null", "write ssl 16 null"],
  },
  { name: "a user of OpenSSL", sections: functions({ name: "SSL_read" }), want: [] },
  {
    name: "symbols whose names are other names' ends, or longer",
    sections: functions({ name: "my_SSL_read", at: 0 }, { name: "SSL_read_all", at: 16 }),
    want: [],
  },
];

Deno.test("examineFile() finds what a file holds, and names what cannot be probed", async (test) => {
  for (const { name, sections, want, unreadable = [] } of CASES) {
    await test.step(name, () => {
      const file = readerOf(elfImage(sections));
      const examined = examineFile(file);
      const got = examined.codes.flatMap(({ family, version, sites }) => [
        `${family} ${version}`,
        ...sites.map(({ role, shape, entry, exits }) => {
          const places = exits?.map((exit) => exit - CODE_AT).join(" ") ?? "null";
          return `${role} ${shape} ${entry - CODE_AT} ${places}`;
        }),
      ]);
      assert.deepEqual(got, want);
      assert.deepEqual(
        examined.unreadable.map(({ family, why }) => `${family}: ${why}`),
        unreadable,
      );
    });
  }
});

Deno.test("examineFile() reads the build id", () => {
  const id = "c0b9959017cf64b03131964573944fc72958bb2b";
  const note = Uint8Array.fromHex(`040000001400000003000000${"474e5500"}${id}`);
  const notes = (bytes: Uint8Array): ImageSection[] => [
    code("c3"),
    { name: ".note.gnu.build-id", type: 7, bytes },
  ];
  assert.equal(examineFile(readerOf(elfImage(notes(note)))).buildId, id);
  // Cut, of no length, and of another owner.
  for (const [at, value] of [[4, 0xff], [4, 0], [12, 0x48]] as const) {
    const wrong = note.slice();
    wrong[at] = value;
    assert.equal(examineFile(readerOf(elfImage(notes(wrong)))).buildId, undefined);
  }
});
