/**
 * Hands verdicts on connections to the kernel side. In: verdicts, one after the other. Out: entries of
 * the map `verdicts`, and once a round a new generation, which makes the kernel side look them up.
 */
import type { BpfObject } from "../../../ffi/bpf_object.ts";
import { Direction, Judgement, JUDGEMENT_SIZE, Verdict } from "../abi.ts";
import type { Passing } from "../source.ts";

const WORD = 4;
const TWO_32 = 4294967296;

export class Verdicts {
  readonly #object: BpfObject;
  readonly #unfiltered: boolean;
  readonly #conn = new Uint32Array(2);
  readonly #judgement = new Uint32Array(JUDGEMENT_SIZE / WORD);
  readonly #generation = new Uint32Array(1);
  #changed = false;

  /** `unfiltered`: "stop" is not passed on, so every connection's payload is sent. */
  constructor(object: BpfObject, unfiltered: boolean) {
    this.#object = object;
    this.#unfiltered = unfiltered;
  }

  set(conn: number, verdict: "keep" | "stop", passing?: Passing): void {
    if (verdict === "stop" && this.#unfiltered) return;
    this.#conn[0] = conn % TWO_32;
    this.#conn[1] = Math.floor(conn / TWO_32);
    encode(this.#judgement, verdict === "keep" ? Verdict.KEEP : Verdict.STOP, passing);
    this.#update("verdicts", this.#conn, this.#judgement);
    this.#changed = true;
  }

  publish(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#generation[0] = ((this.#generation[0] as number) + 1) >>> 0;
    this.#update("verdict_generation", new Uint32Array(1), this.#generation);
  }

  #update(map: string, key: Uint32Array<ArrayBuffer>, value: Uint32Array<ArrayBuffer>): void {
    const object = this.#object;
    object.update(object.mapFd(map), new Uint8Array(key.buffer), new Uint8Array(value.buffer));
  }
}

/** struct judgement; positions modulo 2^32. */
function encode(words: Uint32Array, verdict: number, passing?: Passing): void {
  const { egress = null, ingress = null } = passing ?? {};
  const until = Judgement.until / WORD;
  words[Judgement.verdict / WORD] = verdict;
  words[Judgement.passing / WORD] = (egress === null ? 0 : 1 << Direction.EGRESS) |
    (ingress === null ? 0 : 1 << Direction.INGRESS);
  words[until + Direction.EGRESS] = (egress ?? 0) % TWO_32;
  words[until + Direction.INGRESS] = (ingress ?? 0) % TWO_32;
}
