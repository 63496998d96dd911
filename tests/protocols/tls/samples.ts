/**
 * TLS connections, byte for byte: each is one handshake.
 *
 * Origin: both ends of Python's ssl over memory (OpenSSL 3.0.19), a self-signed certificate for
 * "example.test" and its key made for this alone; a step is what one end said at once. Composed of
 * these: other cuts into records, early data, alerts.
 */
import { lengthAt, Type } from "../../../protocols/tls/probe.ts";
import type { Sample } from "../../support/contract.ts";
import { message, record, serverHello, sslv2Hello } from "./build.ts";

type Step = Sample["steps"][number];

function ask(...base64: string[]): Step {
  return { side: "request", bytes: Uint8Array.fromBase64(base64.join("")) };
}

function answer(...base64: string[]): Step {
  return { side: "response", bytes: Uint8Array.fromBase64(base64.join("")) };
}

function stream(name: string, steps: Step[]): Sample {
  return { name, transport: "stream", steps, exchanges: 1 };
}

const latest: Step[] = [
  ask(
    "FgMBAgABAAH8AwON8grR8Xmzc9Hm2KXmp27+W2kVDVQd1UiNrOiXdNIHJSAlh6mcaVgRmCYpDf9ccVQ6+KLM6EQW",
    "p976vzGoc9YCPwAIEwITAxMBAP8BAAGrAAAAEQAPAAAMZXhhbXBsZS50ZXN0AAsABAMAAQIACgAWABQAHQAXAB4A",
    "GQAYAQABAQECAQMBBAAjAAAAEAAOAAwCaDIIaHR0cC8xLjEAFgAAABcAAAANAB4AHAQDBQMGAwgHCAgICQgKCAsI",
    "BAgFCAYEAQUBBgEAKwADAgMEAC0AAgEBADMAJgAkAB0AIN4gmx2GgPL0fm9vv+1osUDU7BINRArFFtA/pghB0XAM",
    "ABUA+QAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
  ),
  answer(
    "FgMDAHoCAAB2AwOx6nyOG5Nm55Tz3wRkmfEkgNdVVTumwiwbTrd7aotZbCAlh6mcaVgRmCYpDf9ccVQ6+KLM6EQW",
    "p976vzGoc9YCPxMCAAAuACsAAgMEADMAJAAdACDADIQ2T0umxnON/EGrzvlXe00n7yGx3eMS0Snn6Mz6ERQDAwAB",
    "ARcDAwAm4737fJdyqFxySHq++cxPmPRhJrx8A7Jl0lC7lGLs6N1jJHrzBzkXAwMBpvQ0KMxrXefc+m/TLmfGrCNn",
    "KQVH+zqAXbkzKog1prDF5jGXLVzWKmf+Pfm0p0TxY3COvl4NkpIlQR+1xQ2yt0w1QIFzAv9BQgWEtkK2K59Sczmi",
    "MTEppr0wR+c6fe9A/tgqpXJKg8K2fQgfP9AXw73IgcQZKD9tGWmgqGelRwgRUdJey7UMcR5VAxyVPv3u3Z89QaGH",
    "K7JU2ga5QicQmM6g/ejOoeTI1F7kwLiUOBwJrwR3ioX40VDJaJQpo/PYBPfmfVI3GOYAI4HZwjff7nPDwQ7nWpkL",
    "MnaVfZ59ipAwczq6U+dxr/d06IR7XPDmIOVkRRkqvTgJHG94/jISA6AvEUnfgw9I++Jgv8rHx40VqvbHgN+8uk9X",
    "aalLfaeC0M2L7eOGG9Q5UWiUP4WbfIxKPQmx8Q+q239jhzW9vLdeQAvsMhLfQYFsh3DL0IoM+oU5xtx0SWEyrqd1",
    "xkvAvJpoG8T3AA404Hsti6ipfjQoq6cMYvZWPiMwukvNUPCikVuJXgptxohclgtQSuMPS/19TM5rC/rnPGEGG9kM",
    "i7KNcTJLX774FwMDAGDaUNGikWS7Bqy8AROk+BKYUOh0OZZdd2EGgwCJFIdfH60AYaIzG8ZbUDxeAHRfUsr5frLY",
    "zEytGOXCB8xZ4eJ5D3sEG26Y/h9/4/47oGhdYo8cHaMpOo/DcYMxgOxzKbMXAwMART4w3AvD+0VwFiE4KDeYJ/au",
    "8LSgd6GP17bl1J/lu3bcyAI6hM0qm4nJMkSR6eEqw7VNLuq82DJsSZMCfojqJTYCysX29g==",
  ),
  ask(
    "FAMDAAEBFwMDAEUQOJa8mH/tT0CIlHE4h1FOzIUfoJGIdcWHaP12plXffkJGnwj9fzS1lZyKnsb8UXztrg6POZKW",
    "sZ545CKzLi6h2RQMGEU=",
  ),
  answer(
    "FwMDAQoXnD51kU6tgG0JMxzU7yfxAXf0YsviMrDaBBcC/bchWfZkG/Rzf4cRXyt91FqSLZWrXgedJgPFyM3oVGLr",
    "5gc+9I8zI3sm0w7qw2/NyzDOHA9Hc9OzS4NdCy7pr4xh3QqlcqyQADkRBDdCgNYgMPbGBXHBrxrmumZ0LaUtjqfl",
    "bwkXlYDr1+bmkInpRYSOrwTMNaWCxZWTu7CuMHk+DUusnUDGFT8OR+8sX424g46SJkBmW7Pv/p6R0ZcYLMge1S4e",
    "zk3lzHirb6d4Pl5nnXxiHlgiKGKfUHBpfVSc5RNGBhm/EhIeSMahAe0EzhU/EIw0qy5bZ+/wRQ0u7bOE6TM+Gk7s",
    "NTfFt/NCExcDAwEKfYeDHTdEVqfW816h4sbfCILediYWTc0jdyFJ/ZQS2wGwMW1bCOdx9TTPSucSUPSOAKhfRMsG",
    "1rQLvdzgAgbBEujLHCtFRtelQmnQ/FLm2dBrLVRjh6aTo8nTTSH1Lu8F/tOSCMxhWoZAkOrQy+J2Q0tLx5jlbDRI",
    "QKpD73JhdotaoMTi45eiQMmtuse9SDZc3LEXAL81pVOvMvUOH8t9SUD590lOTZvORo1UqwrRv2w7vJb/Al6bEKyX",
    "+OciuoVGEYnTviAvyTCYuRNQ4XoaT9jaiQznpzXl0dkncFU9JuspT3GrImSKq7A7IpqK0RH4jHrXZJIq0/q3KjXN",
    "ddQRjMO34Vym5ACyN54=",
  ),
  ask(
    "FwMDABX2eKxrKxIqZIcTUqqQVsGI8aMdrbM=",
  ),
  answer(
    "FwMDABWfcmdiOyKui9bNdGyeKzegUdSp/Eg=",
  ),
  ask(
    "FwMDABOo6McjWiy7G2Rup/XIIkigf2eA",
  ),
];

const older: Step[] = [
  ask(
    "FgMBAJgBAACUAwM665frpGIIY+SnzL8o38I/DOKq5PMV+2IyPIFuGA6jWgAABMArAP8BAABnAAAAEQAPAAAMZXhh",
    "bXBsZS50ZXN0AAsABAMAAQIACgAMAAoAHQAXAB4AGQAYACMAAAAWAAAAFwAAAA0AKgAoBAMFAwYDCAcICAgJCAoI",
    "CwgECAUIBgQBBQEGAQMDAwEDAgQCBQIGAg==",
  ),
  answer(
    "FgMDAEECAAA9AwNyrzRgzabp4adfRxHNhsuiqyOQ3pNYGSE2tX7LLlGLsgDAKwAAFf8BAAEAAAsABAMAAQIAIwAA",
    "ABcAABYDAwGSCwABjgABiwABiDCCAYQwggEpoAMCAQICFHY/B1CgeFoBZCAbZTMKrFAqo3xXMAoGCCqGSM49BAMC",
    "MBcxFTATBgNVBAMMDGV4YW1wbGUudGVzdDAeFw0yNjExMjYxOTM0MDNaFw0zNjExMjMxOTM0MDNaMBcxFTATBgNV",
    "BAMMDGV4YW1wbGUudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMYsbGG6esPlpjqXF7AhRh2hEAAWZ+JE",
    "OxvYLhQpnAI0sGKM9Q+0j/4a4hDEgikgZO9p8bfQBL7n7sCACX1IA3KjUzBRMB0GA1UdDgQWBBTgoRh/Ru8tMysv",
    "32252391dGmU1DAfBgNVHSMEGDAWgBTgoRh/Ru8tMysv32252391dGmU1DAPBgNVHRMBAf8EBTADAQH/MAoGCCqG",
    "SM49BAMCA0kAMEYCIQDNG21T2lRnnBID/LKDBQZiZaTAslSVaJH1xlwrrhMfCgIhAJVyInecs/X4VtjpwMRiE+gl",
    "L9Yo0rjMz3Ce3LIEsV4UFgMDAHMMAABvAwAdIMvWOsgxBGSIP/33rYMHMsgwnDdX9JCjkyHmjWsGqlNUBAMARzBF",
    "AiBoaaQ51Mv399epT0w2hkMHKj6XrWmCBPa4B6J4NWhJWAIhALj/hTURYxynrcOG2iR3P2kJTnBQfc4cTDuugnH6",
    "cjX3FgMDAAQOAAAA",
  ),
  ask(
    "FgMDACUQAAAhICxamSWoMXEwrKbRHqy1B8+sMMniYRVsY45qMzpc19AnFAMDAAEBFgMDACjstHqdzgCM+t7+IBqN",
    "T2NEeq0h/cV+ESjXQykL5mLAKDmQCzzqRaK0",
  ),
  answer(
    "FgMDALoEAAC2AAAcIACwTFrbRc6O7B3Ss69pefprl1uFNjoSbuITem0UQWPpdNJHozFfwqz1rGW11KlqSTfrZvNY",
    "JSRzzldAyb6ud4s1H+oTJHarJFYbR9eVuasqIxwVF3Ja+UQgXL+Q8Lksm55SxV+en2YCpOIHKnEmyY8L7TlCrnZZ",
    "nGSPVrlFEDDkUGPkcPO2HGZzRViRoWyQjBzPwKViey9c/dc3EbWR4juPC+0VCCIritGu+dytLBqNvzYUAwMAAQEW",
    "AwMAKDHYrNYUFVbaamiueCTFEpWTs6VZr/IBEEGyGxSRFDhQfco7LVBa5F8=",
  ),
  ask(
    "FwMDABzstHqdzgCM+yorfBC5gV3uqdfiiE6NkxR+vUk5",
  ),
  answer(
    "FwMDABwx2KzWFBVW23fgg5vIXe0KACYWAddj6q7AXdfy",
  ),
  ask(
    "FQMDABrstHqdzgCM/P62FuqAS7MMkcOj5kgMI0R1+g==",
  ),
];

const refused: Step[] = [
  ask(
    "FgMBAJgBAACUAwP65xgycifaAdAWFsrMPQkUGDAJZ7LOnjSQZ9Q3Ng4HlAAABMArAP8BAABnAAAAEQAPAAAMZXhh",
    "bXBsZS50ZXN0AAsABAMAAQIACgAMAAoAHQAXAB4AGQAYACMAAAAWAAAAFwAAAA0AKgAoBAMFAwYDCAcICAgJCAoI",
    "CwgECAUIBgQBBQEGAQMDAwEDAgQCBQIGAg==",
  ),
  answer(
    "FgMDAEECAAA9AwPqFScSRK3Qz1rlg/R9lhcnNGQ1l4sKw0AE3IYJp00RnADAKwAAFf8BAAEAAAsABAMAAQIAIwAA",
    "ABcAABYDAwGSCwABjgABiwABiDCCAYQwggEpoAMCAQICFHY/B1CgeFoBZCAbZTMKrFAqo3xXMAoGCCqGSM49BAMC",
    "MBcxFTATBgNVBAMMDGV4YW1wbGUudGVzdDAeFw0yNjExMjYxOTM0MDNaFw0zNjExMjMxOTM0MDNaMBcxFTATBgNV",
    "BAMMDGV4YW1wbGUudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMYsbGG6esPlpjqXF7AhRh2hEAAWZ+JE",
    "OxvYLhQpnAI0sGKM9Q+0j/4a4hDEgikgZO9p8bfQBL7n7sCACX1IA3KjUzBRMB0GA1UdDgQWBBTgoRh/Ru8tMysv",
    "32252391dGmU1DAfBgNVHSMEGDAWgBTgoRh/Ru8tMysv32252391dGmU1DAPBgNVHRMBAf8EBTADAQH/MAoGCCqG",
    "SM49BAMCA0kAMEYCIQDNG21T2lRnnBID/LKDBQZiZaTAslSVaJH1xlwrrhMfCgIhAJVyInecs/X4VtjpwMRiE+gl",
    "L9Yo0rjMz3Ce3LIEsV4UFgMDAHMMAABvAwAdIEfxFdjj1Fa/7c9vphSNsCMp150vJ1Aoh4NnbR2QmtRZBAMARzBF",
    "AiEA888DQTgI38hhQk56+64tZVbI9v1xgFYtpasYto+SKmMCIDcuD57Vl7lYt4SR+uKs6jU3o/YDBGMXOHRCynWl",
    "JvZoFgMDAAQOAAAA",
  ),
  ask(
    "FQMDAAICMA==",
  ),
];

/** The payloads of records of one content type, joined. */
function fragmentsIn({ bytes }: Step): number[] {
  const joined: number[] = [];
  for (let at = 0; at < bytes.length; at += 5 + lengthAt(bytes, at)) {
    joined.push(...bytes.subarray(at + 5, at + 5 + lengthAt(bytes, at)));
  }
  return joined;
}

/** The same messages in other records, of `size` bytes each. */
function recut(step: Step, size: number): Step {
  const fragments = fragmentsIn(step);
  const records: number[] = [];
  for (let at = 0; at < fragments.length; at += size) {
    records.push(...record(Type.HANDSHAKE, fragments.slice(at, at + size)));
  }
  return { side: step.side, bytes: Uint8Array.from(records) };
}

function both(...steps: Step[]): Step {
  const side = steps[0]?.side ?? "request";
  return { side, bytes: Uint8Array.from(steps.flatMap(({ bytes }) => [...bytes])) };
}

function said(side: Step["side"], bytes: Uint8Array): Step {
  return { side, bytes };
}

const [hello, flight, finished] = latest as [Step, Step, Step];
const [olderHello, olderFlight, olderKeys, olderEnd] = older as [Step, Step, Step, Step];
const changed = record(Type.CHANGE_CIPHER_SPEC, [1]);
const earlyData = record(Type.APPLICATION, Array(90).fill(7));
const retry = record(Type.HANDSHAKE, message(2, serverHello({ isRetry: true, group: 24 })));
const refusal = record(Type.ALERT, [2, 40]);
const noName = record(Type.ALERT, [1, 112]);

export const samples: Sample[] = [
  stream("TLS 1.3", latest),
  stream("TLS 1.2", older),
  stream("the certificate is refused", refused),
  stream("only a hello came", latest.slice(0, 1)),
  stream("a hello in records of 100 bytes", [recut(hello, 100), flight, finished]),
  stream("messages in records of 7 bytes", [
    recut(olderHello, 7),
    recut(olderFlight, 7),
    olderKeys,
    olderEnd,
  ]),
  stream("the server's messages in one record", [
    olderHello,
    recut(olderFlight, 16000),
    olderKeys,
    olderEnd,
  ]),
  stream("early data", [both(hello, said("request", changed), said("request", earlyData)), flight]),
  stream("another hello is asked for, early data in between", [
    both(hello, said("request", changed), said("request", earlyData)),
    said("response", Uint8Array.of(...retry, ...changed)),
    said("request", earlyData),
    hello,
    flight,
    finished,
  ]),
  stream("refused at once", [hello, said("response", refusal)]),
  stream("a warning before the hello", [
    olderHello,
    both(said("response", noName), olderFlight),
    olderKeys,
    olderEnd,
  ]),
  stream("a hello in the form of SSL 2.0", [
    said("request", sslv2Hello([0x2f, 0x35, 0xff])),
    said("response", refusal),
  ]),
];
