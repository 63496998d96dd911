/** What a connection log shows of each direction, its lines joined. For tests only. */

export class DirectionTexts {
  egress = "";
  ingress = "";
}

/** Adds the payload that a line of the log shows. */
export function textsOf(line: string, to: DirectionTexts): void {
  const direction = / direction=(egress|ingress) /.exec(line)?.[1];
  const hex = / hex=([0-9a-f]*)/.exec(line)?.[1];
  if (direction === undefined || hex === undefined) return;
  const text = String.fromCharCode(
    ...(hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16)),
  );
  if (direction === "egress") to.egress += text;
  else to.ingress += text;
}
