/** What the bytes become: the public halves of an exchange, and the parser's frame. */

/** Printed as it is (schema.json): snake_case fields in the protocol's own words. */
export interface NewNameRequest {
  /** Absent when it is not valid UTF-8; then text_base64 has it. */
  text?: string;
  text_base64?: string;
  /** Cut at --max-body. */
  text_truncated?: true;
  /** True size on the wire. */
  text_bytes: number;
}

export interface NewNameResponse extends NewNameRequest {
  status: "ok" | "error";
}

/** What one wire unit says: a request or a response, as the side tells. */
export interface NewNameFrame {
  request: NewNameRequest | null;
  response: NewNameResponse | null;
}

export interface NewNameExchange {
  request: NewNameRequest | null;
  response: NewNameResponse | null;
}
