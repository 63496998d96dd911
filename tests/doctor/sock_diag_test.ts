/** Decoding of sock_diag's answers; hostile lengths included. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { decodeAnswer, type SocketBytes } from "../../ffi/sock_diag.ts";

interface Made {
  state?: number;
  inode: number;
  unread?: number;
  unacked?: number;
  acked: number;
  received: number;
}

/** One message of a dump, with a small attribute before struct tcp_info. */
function message(made: Made): Uint8Array {
  const info = 4 + 240;
  const bytes = new Uint8Array(16 + 72 + 8 + info);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, 20, true);
  view.setUint8(17, made.state ?? 1);
  view.setUint32(16 + 56, made.unread ?? 0, true);
  view.setUint32(16 + 60, made.unacked ?? 0, true);
  view.setUint32(16 + 68, made.inode, true);
  view.setUint16(88, 5, true);
  view.setUint16(90, 8, true);
  view.setUint16(96, info, true);
  view.setUint16(98, 2, true);
  view.setBigUint64(100 + 120, BigInt(made.acked), true);
  view.setBigUint64(100 + 128, BigInt(made.received), true);
  return bytes;
}

function done(): Uint8Array {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setUint32(0, 20, true);
  bytes[4] = 3;
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

Deno.test("decodeAnswer() counts what waits to be acknowledged, and not what waits to be read", () => {
  const found = new Map<number, SocketBytes>();
  const answer = join(
    message({ inode: 11, acked: 100, unacked: 20, received: 50, unread: 5 }),
    message({ inode: 12, acked: 1, received: 2, state: 10 }),
    message({ inode: 0, acked: 1, received: 2 }),
    done(),
  );
  equal(decodeAnswer(answer, found), true);
  deepEqual([...found], [[11, { written: 120, read: 45 }]]);
});

Deno.test("decodeAnswer() asks for more until the dump is done", () => {
  equal(decodeAnswer(message({ inode: 1, acked: 0, received: 0 }), new Map()), false);
});

Deno.test("decodeAnswer() survives every cut and every wrong length", () => {
  const whole = message({ inode: 11, acked: 100, received: 50 });
  for (let length = 0; length < whole.length; length++) {
    equal(typeof decodeAnswer(whole.slice(0, length), new Map()), "boolean");
  }
  for (let at = 0; at < whole.length; at++) {
    for (const byte of [0, 1, 0x7f, 0xff]) {
      const changed = whole.slice();
      changed[at] = byte;
      // Type 2 is an error message of the kernel's; all else is passed over or taken.
      if (changed[4] === 2) continue;
      equal(typeof decodeAnswer(changed, new Map()), "boolean");
    }
  }
});

Deno.test("decodeAnswer() throws the kernel's error", () => {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 20, true);
  view.setUint16(4, 2, true);
  view.setInt32(16, -1, true);
  throws(() => decodeAnswer(bytes, new Map()), /Cannot ask sock_diag: operation not permitted/);
});
