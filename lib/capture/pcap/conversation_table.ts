/**
 * Conversations of one transport, found by addresses and ports.
 *
 * In: conversations with the keys of their two directions. Out: what a datagram belongs to, and which
 * conversation is to go when there are too many. It counts the memory of all of them, and bounds nothing.
 */
import { Family } from "../abi.ts";
import { latin1 } from "../../wire/text.ts";
import { SCOPE_MARK } from "./cursor.ts";
import type { IpDatagram } from "./ip.ts";

/** Halves that are passed over at most to find one that is idle. */
const PASSED_OVER = 128;
/** A key without its scope, and its place. */
const PLAIN_BYTES = 100;

/** What two addresses and ports mean: a conversation, and its direction from the first to the second. */
export interface Half<C> {
  readonly conversation: C;
  readonly direction: number;
}

/** What the table must know of a conversation. */
export interface Kept {
  readonly facts: { readonly key: string };
  /** It moved bytes since it was last passed over. */
  hasMoved: boolean;
  /** It is over; what comes late is still its own. */
  readonly closed: boolean;
  /** It was given up: what comes is another one's. */
  readonly isGone: boolean;
}

/** Halves by addresses, ports and scope; also without the scope, the latest one of each key. */
export class ConversationTable<C extends Kept> {
  /** Memory of all conversations in it. */
  heldBytes = 0;
  readonly #halves = new Map<string, Half<C>>();
  /** By the key without its scope, of keys that have one. */
  readonly #anywhere = new Map<string, Half<C>>();
  readonly #halfBytes: number;
  /** How far the search for conversations to give up has come. */
  #hand: Iterator<[string, Half<C>], undefined>;

  /** `bytes`: memory of a conversation besides its keys. */
  constructor(bytes: number) {
    this.#halfBytes = bytes / 2;
    this.#hand = this.#halves.entries();
  }

  get size(): number {
    return this.#halves.size;
  }

  /** Changes while it is walked through are allowed. */
  halves(): MapIterator<[string, Half<C>]> {
    return this.#halves.entries();
  }

  get(key: string): Half<C> | undefined {
    return unlessGone(this.#halves.get(key));
  }

  set(key: string, half: Half<C>): void {
    if (!this.#halves.has(key)) this.heldBytes += this.#costOf(key);
    this.#halves.set(key, half);
    const plain = withoutScope(key);
    if (plain.length === key.length) this.#anywhere.delete(key);
    else this.#anywhere.set(plain, half);
  }

  /** The latest half with the key's addresses and ports, in any scope. */
  elsewhere(key: string): Half<C> | undefined {
    const plain = withoutScope(key);
    return unlessGone(this.#anywhere.get(plain) ?? this.#halves.get(plain));
  }

  delete(key: string): void {
    const half = this.#halves.get(key);
    if (half === undefined) return;
    this.#halves.delete(key);
    this.heldBytes -= this.#costOf(key);
    const plain = withoutScope(key);
    if (this.#anywhere.get(plain) === half) this.#anywhere.delete(plain);
  }

  /**
   * A half to give up: of one that is over, or idle. It is nearly the order of idleness, without sorting: one
   * that moved bytes since it was last looked at is passed over.
   */
  idle(): [string, Half<C>] | undefined {
    for (let passed = 0; this.#halves.size > 0;) {
      const { value, done } = this.#hand.next();
      if (done === true) {
        this.#hand = this.#halves.entries();
        continue;
      }
      const [key, { conversation }] = value;
      if (conversation.closed || ++passed > PASSED_OVER) return value;
      // Each conversation is judged once a round.
      if (key !== conversation.facts.key) continue;
      if (!conversation.hasMoved) return value;
      conversation.hasMoved = false;
    }
    return undefined;
  }

  // The scope makes it a string of two bytes a character, and there is a copy without it.
  #costOf(key: string): number {
    return this.#halfBytes + (key.includes(SCOPE_MARK) ? 4 * key.length + PLAIN_BYTES : key.length);
  }
}

/** Makes the keys of datagrams. */
export class Keys {
  readonly #bytes = new Uint8Array(2 * 16 + 2 * 2);

  /** From its source to its destination; see Conversation.key. */
  of(datagram: IpDatagram): string {
    const { sourceAt, destinationAt, payloadStart } = datagram;
    return this.#key(datagram, sourceAt, destinationAt, payloadStart, payloadStart + 2);
  }

  /** The other way. */
  reverseOf(datagram: IpDatagram): string {
    const { sourceAt, destinationAt, payloadStart } = datagram;
    return this.#key(datagram, destinationAt, sourceAt, payloadStart + 2, payloadStart);
  }

  #key(datagram: IpDatagram, here: number, there: number, from: number, to: number): string {
    const { family, bytes, payload, scope } = datagram;
    const key = this.#bytes;
    const size = family === Family.INET ? 4 : 16;
    for (let i = 0; i < size; i++) {
      key[i] = bytes[here + i] as number;
      key[size + i] = bytes[there + i] as number;
    }
    key[2 * size] = payload[from] as number;
    key[2 * size + 1] = payload[from + 1] as number;
    key[2 * size + 2] = payload[to] as number;
    key[2 * size + 3] = payload[to + 1] as number;
    const plain = latin1(key, 0, 2 * size + 4);
    return scope === "" ? plain : plain + scope;
  }
}

function unlessGone<C extends Kept>(half: Half<C> | undefined): Half<C> | undefined {
  return half?.conversation.isGone === true ? undefined : half;
}

function withoutScope(key: string): string {
  const at = key.indexOf(SCOPE_MARK);
  return at < 0 ? key : key.slice(0, at);
}
