/**
 * The values of `anomalies`: what is odd about a message that is shown nevertheless. Because of some of
 * them two parsers may read two different messages (request smuggling).
 */
export type Anomaly =
  // Lengths (RFC 9112 section 6).
  | "content_length_and_transfer_encoding" // both; Transfer-Encoding counts, unless it is "identity"
  | "duplicate_content_length" // more than once, the same
  | "conflicting_content_length" // more than once, different; the first counts
  | "invalid_content_length" // no decimal number; does not count
  | "duplicate_transfer_encoding" // more than one field line
  | "transfer_encoding_not_chunked" // chunked is not the last coding: the body ends with the stream (not for "identity")
  | "transfer_encoding_in_http_1_0"
  | "framing_without_body" // Content-Length where no body can be (204, 101, CONNECT)
  | "space_in_chunk_size"
  | "bare_lf_in_chunk"
  | "corrupt_content_coding" // the body is not what Content-Encoding says; shown as it is
  // Lines and fields (RFC 9112 sections 2.2, 3 and 5).
  | "leading_empty_lines"
  | "bare_lf" // a line ends without CR
  | "bare_cr" // CR within a value
  | "control_character" // within a value or the request target
  | "space_in_target"
  | "extra_spaces" // more than one between the parts of the request line, or any behind them
  | "unusual_version" // a request line says neither HTTP/1.0 nor HTTP/1.1
  | "obsolete_line_folding" // a value goes on in the next line; joined by one space
  | "space_before_first_header"
  | "space_before_colon"
  | "header_without_colon" // the line is not shown
  | "empty_header_name" // the line is not shown
  | "invalid_header_name" // not a token
  | "numeric_header_name" // "42": not in its place in `headers` (types.ts, HeaderFields)
  | "too_many_headers" // of names that no parser knows, lines beyond the 1,000th are not shown
  | "missing_host" // in HTTP/1.1
  | "duplicate_host";
