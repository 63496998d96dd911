/** What a DNS message becomes: the typed halves of an exchange, and the parser's frame. */

/** One entry of the question section. `class` is absent for IN. */
export interface DnsQuestion {
  /** Presentation form (RFC 1035 section 5.1), no trailing dot; the root is ".". */
  name: string;
  type: string;
  class?: string;
  /** mDNS: the answer may be sent to the asker alone (RFC 6762 section 5.4). */
  unicast_response?: true;
}

/** What a record says: a string, a list of strings, or named fields in the words of its RFC. */
export type DnsData = string | string[] | Record<string, DnsValue>;
export type DnsValue =
  | string
  | number
  | boolean
  | string[]
  | Record<string, string | number | boolean | string[]>;

/** One resource record. `class` is absent for IN; `data` where there is none (UPDATE) or it is unknown. */
export interface DnsRecord {
  name: string;
  type: string;
  class?: string;
  /** Seconds. */
  ttl: number;
  data?: DnsData;
  /** The data of a type that is not decoded, or data that does not fit its type. */
  data_base64?: string;
  /** True size of data that was cut at --max-body. */
  data_bytes?: number;
  data_truncated?: true;
  /** mDNS: replaces what the asker has cached (RFC 6762 section 10.2). */
  cache_flush?: true;
}

/** One option of OPT (RFC 6891 section 6.1.2) in the words of its RFC. */
export interface DnsOption {
  code: string;
  [field: string]: string | number | number[];
}

/** The OPT pseudo record. */
export interface DnsEdns {
  version: number;
  /** Largest datagram that the sender takes, bytes. */
  udp_payload_size: number;
  dnssec_ok?: true;
  options?: DnsOption[];
}

/** Bits of the header that are set; absent means clear. */
export interface DnsFlags {
  authoritative?: true;
  truncated?: true;
  recursion_desired?: true;
  recursion_available?: true;
  authentic_data?: true;
  checking_disabled?: true;
  /** Z, which must be zero. */
  reserved?: true;
}

/** Sections behind the questions; an empty one is absent. */
export interface DnsSections {
  answers?: DnsRecord[];
  authorities?: DnsRecord[];
  additionals?: DnsRecord[];
  edns?: DnsEdns;
}

/** UPDATE calls its sections zone, prerequisites and updates (RFC 2136 section 2). */
export interface DnsRequest extends DnsFlags, DnsSections {
  id: number;
  opcode: string;
  questions: DnsQuestion[];
  prerequisites?: DnsRecord[];
  updates?: DnsRecord[];
  /** How often it was sent again before the answer came. */
  retransmitted?: number;
  /** Why the rest of the message could not be read. */
  malformed?: string;
}

export interface DnsResponse extends DnsFlags, DnsSections {
  id: number;
  /** Absent for QUERY. */
  opcode?: string;
  /** With the upper bits that EDNS adds (RFC 6891 section 6.1.3). */
  rcode: string;
  /** Only when the request was not seen. */
  questions?: DnsQuestion[];
  answers: DnsRecord[];
  /** Messages that make up a zone transfer, when there is more than one. */
  messages?: number;
  /** True number of answers when not all are shown. */
  answer_count?: number;
  malformed?: string;
}

/** One message, decoded. */
export interface DnsMessage {
  id: number;
  /** QR. */
  isResponse: boolean;
  opcode: number;
  /** The header's four bits and those of EDNS. */
  rcode: number;
  flags: DnsFlags;
  questions: DnsQuestion[];
  answers: DnsRecord[];
  authorities: DnsRecord[];
  additionals: DnsRecord[];
  edns: DnsEdns | null;
  /** How many records of all sections are not kept. */
  dropped: number;
  /** Records of the answer section, kept or not. */
  answerCount: number;
  malformed: string | null;
}

/** `key` is what a response repeats of its request: id, and first question without its case. */
export interface DnsFrame {
  key: string;
  message: DnsMessage;
  /** Messages gathered into this frame (a zone transfer). */
  messages: number;
  /** Of a request: how many repetitions of it are gathered in this frame. */
  retransmitted: number;
}

export interface DnsExchange {
  request: DnsRequest | null;
  response: DnsResponse | null;
}
