/**
 * Both directions of a stream connection: which one carries requests, in what order they are looked at,
 * and whether they have come up to their ends.
 *
 * In: the connection's role, as soon as it is known. It looks into no byte.
 */
import { Direction } from "../capture/abi.ts";
import type { Role, TrackerContext } from "./context.ts";
import type { Side } from "../../protocols/protocol.ts";
import type { Positions } from "./open_names.ts";
import { type DirectionEnd, endOf, type FinalTotals, OneDirection } from "./one_direction.ts";

export class BothDirections {
  readonly egress: OneDirection;
  readonly ingress: OneDirection;
  readonly #facts: { readonly role: Role | undefined };
  /** Bytes that moved before the protocol in progress began. */
  #before: Positions = { egress: 0, ingress: 0 };

  constructor(context: TrackerContext, facts: { readonly role: Role | undefined }) {
    this.egress = new OneDirection(context, true);
    this.ingress = new OneDirection(context, false);
    this.#facts = facts;
  }

  /** Next positions, as they were told before any byte. */
  hintStart({ egress, ingress }: Positions, losses: number): void {
    this.egress.hintStart(egress, losses);
    this.ingress.hintStart(ingress, losses);
  }

  /** The egress first. */
  get all(): readonly [OneDirection, OneDirection] {
    return [this.egress, this.ingress];
  }

  /** The direction of requests first: a response must not be paired before its request was handed on. */
  get requestsFirst(): readonly [OneDirection, OneDirection] {
    return [this.carrying("request"), this.carrying("response")];
  }

  /** `direction`: that of an event. */
  of(direction: number): OneDirection {
    return direction === Direction.EGRESS ? this.egress : this.ingress;
  }

  other(direction: OneDirection): OneDirection {
    return direction === this.egress ? this.ingress : this.egress;
  }

  /** The direction that carries that side; while no role is known, as if the process were the server. */
  carrying(side: Side): OneDirection {
    return (this.#facts.role === "client") === (side === "request") ? this.egress : this.ingress;
  }

  sideOf(direction: OneDirection): Side {
    return direction === this.carrying("request") ? "request" : "response";
  }

  endOf(direction: OneDirection, final: FinalTotals): DirectionEnd {
    return endOf(direction === this.egress ? "egress" : "ingress", final);
  }

  /** Have both come up to their final positions? */
  reached(final: FinalTotals): boolean {
    return this.all.every((direction) =>
      !direction.assembler.waits && direction.left(this.endOf(direction, final)) === 0
    );
  }

  /** May the process still read what had come before the connection ended? */
  awaitsReader(final: FinalTotals): boolean {
    return this.ingress.awaits(this.endOf(this.ingress, final));
  }

  /**
   * Gives up on missing bytes that have had their time. For both before messages of either are paired:
   * pairing must know of a gap in the other.
   */
  expire(nowNs: number, losses: number): void {
    for (const direction of this.all) direction.expire(nowNs, losses);
  }

  /** Gives up on all missing bytes, for both likewise. */
  flush(losses: number): void {
    for (const direction of this.all) direction.flush(losses);
  }

  /** Drops what waits behind missing bytes. */
  drop(): void {
    for (const { assembler } of this.all) assembler.drop();
  }

  /** Another protocol begins with the bytes that are not taken yet. */
  startOver(): void {
    this.#before = { egress: this.egress.takenBytes, ingress: this.ingress.takenBytes };
  }

  /** Bytes that moved since the protocol in progress began. */
  since({ totals }: FinalTotals): Positions {
    const { egress, ingress } = this.#before;
    return { egress: totals.egress - egress, ingress: totals.ingress - ingress };
  }

  set haveProtocol(found: boolean) {
    for (const direction of this.all) direction.hasProtocol = found;
  }

  clear(): void {
    for (const { stream } of this.all) stream.clear();
  }
}
