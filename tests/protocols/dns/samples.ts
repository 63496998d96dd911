/**
 * Conversations with DNS servers, byte for byte.
 *
 * Origin: dnsmasq 2.90 (--address, --txt-record, --srv-host, --mx-host, --cname, --caa-record,
 * --dns-rr, --ptr-record; names under "test") and NSD 4.6.1 (a zone "example.test" with one record
 * of each type), asked by dig 9.18 and nsupdate through a relay on loopback that kept what passed.
 * Composed of these: what no single client sends (several at once, out of order, cut anywhere).
 */
import { messageShape } from "../../../protocols/dns/probe.ts";
import type { Side } from "../../../protocols/protocol.ts";
import type { Sample } from "../../support/contract.ts";

interface Step {
  side: Side;
  bytes: Uint8Array;
}

function ask(base64: string): Step {
  return { side: "request", bytes: fromBase64(base64) };
}

function answer(base64: string): Step {
  return { side: "response", bytes: fromBase64(base64) };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function datagram(name: string, exchanges: number, steps: Step[]): Sample {
  return { name, transport: "datagram", steps, exchanges };
}

function stream(name: string, exchanges: number, steps: Step[]): Sample {
  return { name, transport: "stream", steps, exchanges };
}

const recorded: Sample[] = [
  datagram("A", 1, [
    ask("7eIBIAABAAAAAAAAAWEEdGVzdAAAAQAB"),
    answer("7eKFgAABAAEAAAAAAWEEdGVzdAAAAQABwAwAAQABAAAAAAAEwAACAQ=="),
  ]),
  datagram("TXT", 1, [
    ask("9LEBIAABAAAAAAAAAXQEdGVzdAAAEAAB"),
    answer("9LGFgAABAAEAAAAAAXQEdGVzdAAAEAABwAwAEAABAAAAAAAMBWhlbGxvBXdvcmxk"),
  ]),
  datagram("SRV", 1, [
    ask("3VMBIAABAAAAAAAABV9sZGFwBF90Y3AEdGVzdAAAIQAB"),
    answer(
      "3VOFgAABAAEAAAAABV9sZGFwBF90Y3AEdGVzdAAAIQABwAwAIQABAAAAAAARAAEAAgGFBGxkYXAEdGVzdAA=",
    ),
  ]),
  datagram("MX", 1, [
    ask("SO0BIAABAAAAAAAAAW0EdGVzdAAADwAB"),
    answer("SO2FgAABAAEAAAAAAW0EdGVzdAAADwABwAwADwABAAAAAAALAAUCbXgEdGVzdAA="),
  ]),
  datagram("CNAME", 1, [
    ask("QY4BIAABAAAAAAAAAWMEdGVzdAAAAQAB"),
    answer("QY6FgAABAAEAAAAAAWMEdGVzdAAAAQABwAwABQABAAAAAAAIAWEEdGVzdAA="),
  ]),
  datagram("CAA", 1, [
    ask("w6IBIAABAAAAAAAAAmNhBHRlc3QAAQEAAQ=="),
    answer(
      "w6KFgAABAAEAAAAAAmNhBHRlc3QAAQEAAcAMAQEAAQAAAAAAEQAFaXNzdWVjYS5leGFtcGxl",
    ),
  ]),
  datagram("unknown type", 1, [
    ask("naQBIAABAAAAAAAAA29kZAR0ZXN0AP8AAAE="),
    answer("naSFgAABAAEAAAAAA29kZAR0ZXN0AP8AAAHADP8AAAEAAAAAAAMBAgM="),
  ]),
  datagram("AAAA", 1, [
    ask("y8gBIAABAAAAAAAAAmE2BHRlc3QAABwAAQ=="),
    answer(
      "y8iFgAABAAEAAAAAAmE2BHRlc3QAABwAAcAMABwAAQAAAAAAECABDbgAAAAAAAAAAAAAAAE=",
    ),
  ]),
  datagram("PTR", 1, [
    ask("p2gBIAABAAAAAAAAATEBMgEwAzE5Mgdpbi1hZGRyBGFycGEAAAwAAQ=="),
    answer(
      "p2iFgAABAAEAAAAAATEBMgEwAzE5Mgdpbi1hZGRyBGFycGEAAAwAAcAMAAwAAQAAAAAACAFhBHRlc3QA",
    ),
  ]),
  datagram("refused", 1, [
    ask("fOcBIAABAAAAAAAABW90aGVyB2V4YW1wbGUAAAEAAQ=="),
    answer("fOeBhQABAAAAAAAABW90aGVyB2V4YW1wbGUAAAEAAQ=="),
  ]),
  datagram("CNAME chain with authorities and additionals", 1, [
    ask("tvgBIAABAAAAAAAAA3d3dwdleGFtcGxlBHRlc3QAAAEAAQ=="),
    answer(
      "tviFAAABAAMAAgACA3d3dwdleGFtcGxlBHRlc3QAAAEAAcAMAAUAAQAADhAABgN3ZWLAEMAuAAEAAQAADhAABMAA" +
        "AlDALgABAAEAAA4QAATAAAJRwBAAAgABAAAOEAAGA25zMcAQwBAAAgABAAAOEAARA25zMgdleGFtcGxlA25ldADA" +
        "YAABAAEAAA4QAATAAAI1wGAAHAABAAAOEAAQIAENuAAAAAAAAAAAAAAAUw==",
    ),
  ]),
  datagram("NXDOMAIN with SOA", 1, [
    ask("cW8BIAABAAAAAAAABmFic2VudAdleGFtcGxlBHRlc3QAAAEAAQ=="),
    answer(
      "cW+FAwABAAAAAQAABmFic2VudAdleGFtcGxlBHRlc3QAAAEAAcATAAYAAQAAASwAJwNuczHAEwpob3N0bWFzdGVy" +
        "wBN4xARlAAAcIAAADhAAEnUAAAABLA==",
    ),
  ]),
  datagram("HTTPS", 1, [
    ask("KnwBIAABAAAAAAAAA3N2YwdleGFtcGxlBHRlc3QAAEEAAQ=="),
    answer(
      "KnyFAAABAAEAAgACA3N2YwdleGFtcGxlBHRlc3QAAEEAAcAMAEEAAQAADhAAMwABAAABAAYCaDICaDMAAwACIPsA" +
        "BAAIwAACAcAAAgIABgAQIAENuAAAAAAAAAAAAAAAAcAQAAIAAQAADhAABgNuczHAEMAQAAIAAQAADhAAEQNuczIH" +
        "ZXhhbXBsZQNuZXQAwG0AAQABAAAOEAAEwAACNcBtABwAAQAADhAAECABDbgAAAAAAAAAAAAAAFM=",
    ),
  ]),
  datagram("SVCB with an unknown key", 1, [
    ask("MYQBIAABAAAAAAAABF9zdmMHZXhhbXBsZQR0ZXN0AABAAAE="),
    answer(
      "MYSFAAABAAEAAgACBF9zdmMHZXhhbXBsZQR0ZXN0AABAAAHADABAAAEAAA4QADkAEAZ0YXJnZXQHZXhhbXBsZQR0" +
        "ZXN0AAAAAAQAAQADAAEAAwJoMgACAAAAAwACA1UCmwAFaGVsbG/AEQACAAEAAA4QAAYDbnMxwBHAEQACAAEAAA4Q" +
        "ABEDbnMyB2V4YW1wbGUDbmV0AMB0AAEAAQAADhAABMAAAjXAdAAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABT",
    ),
  ]),
  datagram("NAPTR", 1, [
    ask("PCYBIAABAAAAAAAAA25hcAdleGFtcGxlBHRlc3QAACMAAQ=="),
    answer(
      "PCaFAAABAAEAAgACA25hcAdleGFtcGxlBHRlc3QAACMAAcAMACMAAQAADhAAKwBkADIBcwdTSVArRDJVGyFeLiok" +
        "IXNpcDppbmZvQGV4YW1wbGUuY29tIQDAEAACAAEAAA4QAAYDbnMxwBDAEAACAAEAAA4QABEDbnMyB2V4YW1wbGUD" +
        "bmV0AMBlAAEAAQAADhAABMAAAjXAZQAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABT",
    ),
  ]),
  datagram("TLSA", 1, [
    ask("+WQBIAABAAAAAAAABF80NDMEX3RjcAdleGFtcGxlBHRlc3QAADQAAQ=="),
    answer(
      "+WSFAAABAAEAAgACBF80NDMEX3RjcAdleGFtcGxlBHRlc3QAADQAAcAMADQAAQAADhAAIwMBAZIAO6NJQtx0FS4v" +
        "LECNKeylpSDn8uBruUT03KNGuvY8wBYAAgABAAAOEAAGA25zMcAWwBYAAgABAAAOEAARA25zMgdleGFtcGxlA25l" +
        "dADAYwABAAEAAA4QAATAAAI1wGMAHAABAAAOEAAQIAENuAAAAAAAAAAAAAAAUw==",
    ),
  ]),
  datagram("escaped name", 1, [
    ask("cDcBIAABAAAAAAAAC3dlLmlyZCBuYW1lB2V4YW1wbGUEdGVzdAAAAQAB"),
    answer(
      "cDeFAAABAAEAAgACC3dlLmlyZCBuYW1lB2V4YW1wbGUEdGVzdAAAAQABwAwAAQABAAAOEAAEwAACY8AYAAIAAQAA" +
        "DhAABgNuczHAGMAYAAIAAQAADhAAEQNuczIHZXhhbXBsZQNuZXQAwEYAAQABAAAOEAAEwAACNcBGABwAAQAADhAA" +
        "ECABDbgAAAAAAAAAAAAAAFM=",
    ),
  ]),
  datagram("DNAME", 1, [
    ask("Ih8BIAABAAAAAAAABWJlbG93AmRuB2V4YW1wbGUEdGVzdAAAAQAB"),
    answer(
      "Ih+FAAABAAIAAAAABWJlbG93AmRuB2V4YW1wbGUEdGVzdAAAAQABwBIAJwABAAAOEAANB2V4YW1wbGUDbmV0AMAM" +
        "AAUAAQAADhAAEwViZWxvdwdleGFtcGxlA25ldAA=",
    ),
  ]),
  datagram("EDNS with options", 1, [
    ask(
      "YuABIAABAAAAAAABA3dlYgdleGFtcGxlBHRlc3QAAAEAAQAAKQTQAACAAAAbAAMAAAAIAAcAARgAwAACAAoACAEC" +
        "AwQFBgcI",
    ),
    answer(
      "YuCFAAABAAIAAgADA3dlYgdleGFtcGxlBHRlc3QAAAEAAcAMAAEAAQAADhAABMAAAlDADAABAAEAAA4QAATAAAJR" +
        "wBAAAgABAAAOEAAGA25zMcAQwBAAAgABAAAOEAARA25zMgdleGFtcGxlA25ldADATgABAAEAAA4QAATAAAI1wE4A" +
        "HAABAAAOEAAQIAENuAAAAAAAAAAAAAAAUwAAKQTQAACAAAAHAAMAA25zMQ==",
    ),
  ]),
  datagram("EDNS version that the server does not know", 1, [
    ask("qYkBIAABAAAAAAABA3dlYgdleGFtcGxlBHRlc3QAAAEAAQAAKQTQAAEAAAAA"),
    answer("qYmBAAABAAAAAAABA3dlYgdleGFtcGxlBHRlc3QAAAEAAQAAKQTQAQAAAAAA"),
  ]),
  datagram("header without a question", 1, [ask("Q68BIAAAAAAAAAAA"), answer("Q6+BAQAAAAAAAAAA")]),
  datagram("truncated response", 1, [
    ask("fx8BIAABAAAAAAAAA2JpZwdleGFtcGxlBHRlc3QAABAAAQ=="),
    answer("fx+HAAABAAAAAAAAA2JpZwdleGFtcGxlBHRlc3QAABAAAQ=="),
  ]),
  datagram("NOTIFY", 1, [
    ask("jVEhIAABAAAAAAAAB2V4YW1wbGUEdGVzdAAABgAB"),
    answer("jVGhBQAAAAAAAAAA"),
  ]),
  datagram("UPDATE", 1, [
    ask(
      "8RAoAAABAAEAAgAAB2V4YW1wbGUEdGVzdAAABgABA25ld8AMAP8A/gAAAAAAAMAeAAEAAQAAADwABMAAAgkDb2xk" +
        "wAwA/wD/AAAAAAAA",
    ),
    answer("8RCoBAAAAAAAAAAA"),
  ]),
  datagram("UPDATE with TSIG", 1, [
    ask(
      "BwYoAAABAAAAAQABB2V4YW1wbGUEdGVzdAAABgABA29sZMAMAAEA/wAAAAAAAANrZXkEdGVzdAAA+gD/AAAAAAA9" +
        "C2htYWMtc2hhMjU2AAAAawGLJgEsACDgBNWmMgY7x1IJ20v5hvNcLHXe1b38ovv9T7Zp4sMBuwcGAAAAAA==",
    ),
    answer("BwaoBAAAAAAAAAAA"),
  ]),
  datagram("unanswered query", 1, [ask("lQsBIAABAAAAAAAABm5vYm9keQR0ZXN0AAABAAE=")]),
  datagram("mixed case", 1, [
    ask("v5EBIAABAAAAAAAAA3dFYgdFeEFtUGxFBHRFc1QAAAEAAQ=="),
    answer(
      "v5GFAAABAAIAAgACA3dFYgdFeEFtUGxFBHRFc1QAAAEAAcAMAAEAAQAADhAABMAAAlDADAABAAEAAA4QAATAAAJR" +
        "wBAAAgABAAAOEAAGA25zMcAQwBAAAgABAAAOEAARA25zMgdleGFtcGxlA25ldADATgABAAEAAA4QAATAAAI1wE4A" +
        "HAABAAAOEAAQIAENuAAAAAAAAAAAAAAAUw==",
    ),
  ]),
  stream("query over TCP", 1, [
    ask("ACIkhQEgAAEAAAAAAAADd2ViB2V4YW1wbGUEdGVzdAAAAQAB"),
    answer(
      "AJ0khYUAAAEAAgACAAIDd2ViB2V4YW1wbGUEdGVzdAAAAQABwAwAAQABAAAOEAAEwAACUMAMAAEAAQAADhAABMAA" +
        "AlHAEAACAAEAAA4QAAYDbnMxwBDAEAACAAEAAA4QABEDbnMyB2V4YW1wbGUDbmV0AMBOAAEAAQAADhAABMAAAjXA" +
        "TgAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABT",
    ),
  ]),
  stream("three queries over one TCP connection", 3, [
    ask("ACK6eAEgAAEAAAAAAAADd2ViB2V4YW1wbGUEdGVzdAAAAQAB"),
    answer(
      "AJ26eIUAAAEAAgACAAIDd2ViB2V4YW1wbGUEdGVzdAAAAQABwAwAAQABAAAOEAAEwAACUMAMAAEAAQAADhAABMAA" +
        "AlHAEAACAAEAAA4QAAYDbnMxwBDAEAACAAEAAA4QABEDbnMyB2V4YW1wbGUDbmV0AMBOAAEAAQAADhAABMAAAjXA" +
        "TgAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABT",
    ),
    ask("ACLqcgEgAAEAAAAAAAADd2ViB2V4YW1wbGUEdGVzdAAAHAAB"),
    answer(
      "AJnqcoUAAAEAAQACAAIDd2ViB2V4YW1wbGUEdGVzdAAAHAABwAwAHAABAAAOEAAQIAENuAAAAAAAAAAAAAAAgMAQ" +
        "AAIAAQAADhAABgNuczHAEMAQAAIAAQAADhAAEQNuczIHZXhhbXBsZQNuZXQAwEoAAQABAAAOEAAEwAACNcBKABwA" +
        "AQAADhAAECABDbgAAAAAAAAAAAAAAFM=",
    ),
    ask("ACU2FgEgAAEAAAAAAAAGYWJzZW50B2V4YW1wbGUEdGVzdAAAAQAB"),
    answer(
      "AFg2FoUDAAEAAAABAAAGYWJzZW50B2V4YW1wbGUEdGVzdAAAAQABwBMABgABAAABLAAnA25zMcATCmhvc3RtYXN0" +
        "ZXLAE3jEBGUAABwgAAAOEAASdQAAAAEs",
    ),
  ]),
  stream("EDNS keepalive and padding over TCP", 1, [
    ask(
      "AIBRggEgAAEAAAAAAAEDd2ViB2V4YW1wbGUEdGVzdAAAAQABAAApBNAAAAAAAFMACwAAAAwASwAAAAAAAAAAAAAA" +
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
    ),
    answer(
      "AKhRgoUAAAEAAgACAAMDd2ViB2V4YW1wbGUEdGVzdAAAAQABwAwAAQABAAAOEAAEwAACUMAMAAEAAQAADhAABMAA" +
        "AlHAEAACAAEAAA4QAAYDbnMxwBDAEAACAAEAAA4QABEDbnMyB2V4YW1wbGUDbmV0AMBOAAEAAQAADhAABMAAAjXA" +
        "TgAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABTAAApBNAAAAAAAAA=",
    ),
  ]),
  stream("response of 804 bytes over TCP", 1, [
    ask("ACJfFgEgAAEAAAAAAAADYmlnB2V4YW1wbGUEdGVzdAAAEAAB"),
    answer(
      "AyRfFoUAAAEAAwACAAIDYmlnB2V4YW1wbGUEdGVzdAAAEAABwAwAEAABAAAOEADV1GFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhwAwA" +
        "EAABAAAOEADR0GJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmLADAAQAAEAAA4QAN3cY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY8AQAAIAAQAADhAA" +
        "BgNuczHAEMAQAAIAAQAADhAAEQNuczIHZXhhbXBsZQNuZXQAwtUAAQABAAAOEAAEwAACNcLVABwAAQAADhAAECAB" +
        "DbgAAAAAAAAAAAAAAFM=",
    ),
  ]),
  stream("AXFR", 1, [
    ask("AB7MGgAgAAEAAAAAAAAHZXhhbXBsZQR0ZXN0AAD8AAE="),
    answer(
      "CJbMGoQAAAEAKQAAAAAHZXhhbXBsZQR0ZXN0AAD8AAHADAAGAAEAAA4QACcDbnMxwAwKaG9zdG1hc3RlcsAMeMQE" +
        "ZQAAHCAAAA4QABJ1AAAAASzADAACAAEAAA4QAALAKsAMAAIAAQAADhAAEQNuczIHZXhhbXBsZQNuZXQAwAwADwAB" +
        "AAAOEAAJAAoEbWFpbMAMwAwADwABAAAOEAAKABQFbWFpbDLAb8AMABAAAQAADhAAGgt2PXNwZjEgLWFsbA1zZWNv" +
        "bmQgc3RyaW5nwAwBAQABAAAOEAAWAAVpc3N1ZWxldHNlbmNyeXB0Lm9yZ8AMAQEAAQAADhAAI4AFaW9kZWZtYWls" +
        "dG86c2VjdXJpdHlAZXhhbXBsZS50ZXN0wAwAKwABAAAOEAAkMDkNAkn9RubEtFxV1Kxpy9PNNKwa/lHeX9pLihss" +
        "PU5fYHGCwAwAMAABAAAOEABEAQEDDZnbLMFMq9wz1td9pjovFfcRElhPI06NHcQo456KSpfhqicaVV3JBwHhfipM" +
        "S28SC3wy1E9KwCvYlM8tS+d3ihnADAAuAAEAAA4QAGEABg0CAAAOEGs27IBq5oEAMDkHZXhhbXBsZQR0ZXN0AKCQ" +
        "dVuljRr/pXb0N1gxtDEJIOSBIY0YqfFk6z2Br9O4ddPHVChjHgzyoo1Qh19wwynX2/r+qAfcH7odw0yV1AHywAwA" +
        "LwABAAAOEAAhA25zMQdleGFtcGxlBHRlc3QAAAdiAYAAAAOAAQFA/wGAwAwAMwABAAAOEAAJAQAACgSqu8zdIDBw" +
        "OW1oYXZlcXZtNnQ3dmJsNWxvcDJ1M3QycnAzdG9twAwAMgABAAAOEAAnAQEADASqu8zdFBdOskCf4ovLSIehg2+V" +
        "fwqEJeJ7AAciAQAAAAKQBF9zdmPADABAAAEAAA4QADkAEAZ0YXJnZXQHZXhhbXBsZQR0ZXN0AAAAAAQAAQADAAEA" +
        "AwJoMgACAAAAAwACA1UCmwAFaGVsbG8EXzQ0MwRfdGNwwAwANAABAAAOEAAjAwEBkgA7o0lC3HQVLi8sQI0p7KWl" +
        "IOfy4Gu5RPTco0a69jwEX3NpcMLwACEAAQAADhAAGAAKADwTxANzaXAHZXhhbXBsZQR0ZXN0AANiaWfADAAQAAEA" +
        "AA4QANXUYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" +
        "YWFhYWFhYWFhYWFhYWFhYWFhYWHDTQAQAAEAAA4QANHQYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi" +
        "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYsNNABAAAQAADhAA3dxjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj" +
        "Y2NjY2NjY2NjY2NjAmRuwAwAJwABAAAOEAANB2V4YW1wbGUDbmV0AANldWnADABsAAEAAA4QAAYAAF4AUyoFaGlu" +
        "Zm/ADAANAAEAAA4QAAwFQU1ENjQFTGludXgDbG9jwAwAHQABAAAOEAAQAAAWE4s88BiBDLzgAJiVuMCKAAEAAQAA" +
        "DhAABMAAAhkDbmFwwAwAIwABAAAOEAArAGQAMgFzB1NJUCtEMlUbIV4uKiQhc2lwOmluZm9AZXhhbXBsZS5jb20h" +
        "AMAqAAEAAQAADhAABMAAAjXAKgAcAAEAAA4QABAgAQ24AAAAAAAAAAAAAABTA29kZMAM/wAAAQAADhAABAoAAAEC" +
        "cnDADAARAAEAAA4QACYFYWRtaW4HZXhhbXBsZQR0ZXN0AAN0eHQHZXhhbXBsZQR0ZXN0AANzc2jADAAsAAEAAA4Q" +
        "ACIEAhI0VniavN72eJASNFZ4mrze9niQEjRWeJq83vEjRWeJA3N2Y8AMAEEAAQAADhAAMwABAAABAAYCaDICaDMA" +
        "AwACIPsABAAIwAACAcAAAgIABgAQIAENuAAAAAAAAAAAAAAAAcdaAEAAAQAADhAAFwAABnRhcmdldAdleGFtcGxl" +
        "BHRlc3QAA3VyacAMAQAAAQAADhAAHQAKAAFodHRwczovL2V4YW1wbGUudGVzdC9wYXRoC3dlLmlyZCBuYW1lwAwA" +
        "AQABAAAOEAAEwAACYwN3ZWLADAABAAEAAA4QAATAAAJQyAkAAQABAAAOEAAEwAACUcgJABwAAQAADhAAECABDbgA" +
        "AAAAAAAAAAAAAIABKgR3aWxkwAwAAQABAAAOEAAEwAACBwN3d3fADAAFAAEAAA4QAALICcAMAAYAAQAADhAAGMAq" +
        "wDB4xARlAAAcIAAADhAAEnUAAAABLA==",
    ),
  ]),
  stream("AXFR refused", 1, [
    ask("AB5MTgAgAAEAAAAAAAAHZXhhbXBsZQR0ZXN0AAD8AAE="),
    answer("AB5MToCFAAEAAAAAAAAHZXhhbXBsZQR0ZXN0AAD8AAE="),
  ]),
  stream("IXFR of the current version", 1, [
    ask(
      "AECO3gAAAAEAAAABAAAHZXhhbXBsZQR0ZXN0AAD7AAHADAAGAAEAAAAAABYAAHjEBGUAAAAAAAAAAAAAAAAAAAAA",
    ),
    answer(
      "AFGO3oQAAAEAAQAAAAAHZXhhbXBsZQR0ZXN0AAD7AAHADAAGAAEAAA4QACcDbnMxwAwKaG9zdG1hc3RlcsAMeMQE" +
        "ZQAAHCAAAA4QABJ1AAAAASw=",
    ),
  ]),
];

/** The steps of a recorded conversation. */
export function stepsOf(name: string): Step[] {
  const sample = recorded.find((each) => each.name === name);
  if (sample === undefined) throw new Error(`Cannot find sample ${JSON.stringify(name)}`);
  return sample.steps;
}

const UDP_NAMES = ["A", "TXT", "MX"];

/** All queries first, then all responses, the last query's first. */
function outOfOrder(): Step[] {
  const steps = UDP_NAMES.map(stepsOf);
  return [
    ...steps.flatMap((each) => each.slice(0, 1)),
    ...steps.reverse().flatMap((each) => each.slice(1)),
  ];
}

/** The three queries in one segment; the responses in segments of seven bytes. */
function pipelined(): Step[] {
  const steps = stepsOf("three queries over one TCP connection");
  const out: Step[] = [{ side: "request", bytes: joined(steps, "request") }];
  const responses = joined(steps, "response");
  for (let at = 0; at < responses.length; at += 7) {
    out.push({ side: "response", bytes: responses.slice(at, at + 7) });
  }
  return out;
}

/** All bytes of one side. */
export function joined(steps: readonly Step[], side: Side): Uint8Array {
  return Uint8Array.from(
    steps.filter((step) => step.side === side).flatMap((step) => [...step.bytes]),
  );
}

export const samples: Sample[] = [
  ...recorded,
  datagram("three datagrams at once, answered out of order", 3, outOfOrder()),
  stream("three queries pipelined over TCP, answered in small segments", 3, pipelined()),
];

/** A probe is not told the transport, the kernel's rule is: of a datagram the bare message counts. */
export function isPastTheRule(head: Uint8Array, { transport }: Sample): boolean {
  const sides = ["request", "response"] as const;
  return transport === "datagram" &&
    sides.every((side) => messageShape(head, 0, head.length, head.length, side) === "no");
}
