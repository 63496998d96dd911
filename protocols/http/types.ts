/**
 * What the HTTP/1 plug-in hands over: one request and one response, in the words of RFC 9110 and
 * RFC 9112. Key order here is key order in the output; absent when unknown.
 */

import type { Anomaly } from "./anomalies.ts";

/**
 * Fields of a head, or of trailers: lower-case names in order of appearance; a name that repeats has
 * a list. There is no prototype, so that a field may be called "__proto__" or "constructor". Names
 * that look like array indices ("42") come first, as in any object: "numeric_header_name" says so.
 */
export class HeaderFields {
  [name: string]: string | string[];

  static {
    Reflect.deleteProperty(this.prototype, "constructor");
    Object.setPrototypeOf(this.prototype, null);
  }
}

/** What requests and responses have in common behind their first line. */
export interface HttpContent {
  headers: HeaderFields;
  trailers?: HeaderFields;
  /** Size of the body: transfer coding removed, content coding not. */
  body_bytes: number;
  /** Size without content coding; absent when it was not decoded to its end. */
  body_decoded_bytes?: number;
  /** Text when what is shown is valid UTF-8, content codings removed; else body_base64. */
  body?: string;
  body_base64?: string;
  /** What is shown is not all. */
  body_truncated?: true;
  /** What is odd about the message. */
  anomalies?: Anomaly[];
}

export interface HttpRequest extends HttpContent {
  /** Any token, as sent. */
  method: string;
  /** The request target verbatim. */
  path: string;
  /** "1.0" or "1.1". */
  version: string;
}

export interface HttpResponse extends HttpContent {
  status: number;
  reason: string;
  version: string;
  /** Status codes of the interim (1xx) responses before this one. */
  interim?: number[];
  /** First byte of the response (interim ones included) minus first byte of the request. */
  time_to_first_byte_ns?: number;
}

/** One message as the parser hands it to the stitcher. */
export type HttpFrame = HttpRequestFrame | HttpResponseFrame;

interface FrameFacts {
  /** False when it ended before its end. */
  complete: boolean;
  /** Bytes of the whole unit, had everything come that the parser asked to skip. */
  wireBytes: number;
  /** Bytes of the body that are shown; -1 when they are not the body's own (decoded). */
  shownBytes: number;
}

export interface HttpRequestFrame extends FrameFacts {
  side: "request";
  message: HttpRequest;
}

export interface HttpResponseFrame extends FrameFacts {
  side: "response";
  message: HttpResponse;
}

export interface HttpExchange {
  request: HttpRequest | null;
  response: HttpResponse | null;
}
