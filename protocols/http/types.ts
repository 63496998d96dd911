/**
 * The halves of an HTTP/1 exchange, in the words of RFC 9110 and RFC 9112, and the parser's frames. Key
 * order here is key order in the output; a field that is not known is absent.
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
  /** Not all of the body is shown. */
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
  /** False when the message broke off. */
  complete: boolean;
  /** Bytes of the whole message, counting skipped bytes that have not come yet. */
  wireBytes: number;
  /** Bytes of the body that are shown; -1 when decoded bytes are shown. */
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
