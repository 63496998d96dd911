/** The payload of a data event as SecretWatch takes it. In: an event. Out: a view of its bytes. */
import { Direction, Flag } from "../capture/abi.ts";
import type { SocketEvent } from "../capture/event.ts";
import type { RawBytes } from "../secrets/raw.ts";
import type { Positions } from "./open_names.ts";

export function rawBytesOf(event: SocketEvent): RawBytes {
  const { bytes, payloadStart, payloadLength, direction, position, offset, isDatagram } = event;
  return {
    direction,
    bytes,
    start: payloadStart,
    end: payloadStart + payloadLength,
    position: position + offset,
    isTcp: (event.flags & Flag.TCP_POSITION) !== 0,
    isDatagram,
  };
}

/** In the order of Direction. */
export function byDirection({ egress, ingress }: Positions): [number, number] {
  const both: [number, number] = [0, 0];
  both[Direction.EGRESS] = egress;
  both[Direction.INGRESS] = ingress;
  return both;
}
