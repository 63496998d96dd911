/** What a handshake becomes: the public halves of an exchange, and the parser's frame. */
import type { Role } from "../protocol.ts";

/** A name of ALPN (RFC 7301): text, or bytes that are none. */
export type TlsName = string | { base64: string };

/** Printed as it is (schema.json). Values of GREASE (RFC 8701) are in none of the lists. */
export interface TlsRequest {
  type: "client_hello";
  /** Highest version offered: "1.3". */
  version: string;
  sni?: string;
  /** A name that is no UTF-8. */
  sni_base64?: string;
  sni_truncated?: true;
  alpn?: TlsName[];
  /** In the order offered. */
  versions: string[];
  /** By their names in the IANA registry, "0x1234" without one; in the order offered. */
  cipher_suites: string[];
  /** Groups to which a key share was sent along. */
  key_share_groups?: string[];
  /** A session, a ticket or a PSK of an earlier handshake is offered. */
  session_resumption?: true;
  /** The form of SSL 2.0 (RFC 5246 appendix E.2). */
  format?: "sslv2";
  /** The client also sent values that mean nothing (RFC 8701). */
  grease?: true;
  /** JA4 of the client; absent for the form of SSL 2.0. */
  ja4?: string;
  /** Why the rest of the message could not be read. */
  malformed?: string;
}

export interface TlsAlert {
  level?: string;
  description?: string;
  /** It was encrypted: only that it came is known. */
  encrypted?: true;
  /** Who gave up. */
  by: Role;
}

/** Names as RFC 4514 writes them: "CN=example.test,O=Example". */
export interface TlsCertificate {
  subject: string;
  issuer: string;
  subject_truncated?: true;
  issuer_truncated?: true;
  /** RFC 3339. */
  not_after: string;
}

export interface TlsServerHello {
  type: "server_hello";
  version: string;
  cipher: string;
  /** Up to 1.2; encrypted later. */
  alpn?: TlsName;
  resumed?: true;
  /** The server asked for another ClientHello first, with a key share of that group if it named one. */
  hello_retry_request?: { group?: string };
  /** The server's own; up to 1.2, encrypted later. */
  certificate?: TlsCertificate;
  alert?: TlsAlert;
  malformed?: string;
}

/** No ServerHello came. */
export interface TlsAlertAlone {
  type: "alert";
  alert: TlsAlert;
  hello_retry_request?: { group?: string };
}

export type TlsResponse = TlsServerHello | TlsAlertAlone;

export interface TlsExchange {
  request: TlsRequest | null;
  response: TlsResponse | null;
}

/** One record. What it says is kept in the state: all records of a connection make one handshake. */
export interface TlsFrame {
  /** It is a part of what the exchange's half shows; else it only moved. */
  isShown: boolean;
  /** It holds no second ClientHello, as one behind a HelloRetryRequest is. */
  isInitial: boolean;
}

/** What a handshake leaves to the plain text behind it (Handover.handover). */
export interface TlsFacts {
  version: string;
  cipher: string;
  sni?: string;
  /** The server's choice, where it is in clear. */
  alpn?: TlsName;
}
