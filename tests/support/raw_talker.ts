/**
 * A client that says plain bytes, as a process of its own: whoever reads a trace's output is not
 * traced, and that is the test itself. Needs python3.
 *
 * In: texts to send. Out: all that came back, as text. It knows no protocol.
 */
import { Background } from "./process.ts";

/** Each line of the input is sent, each piece that comes is printed: in JSON. */
const TALK = `
import json, socket, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def hear():
    while piece := s.recv(65536):
        print(json.dumps(piece.decode("latin1")), flush=True)
threading.Thread(target=hear, daemon=True).start()
for line in sys.stdin:
    s.sendall(json.loads(line).encode("latin1"))
`;
const LIMIT_MS = 30_000;

export class RawTalker implements AsyncDisposable {
  readonly #process: Background;
  #expected = 0;

  /** Connects to that port of this host. */
  constructor(port: number) {
    this.#process = new Background("python3", ["-c", TALK, `${port}`], { stdin: "piped" });
  }

  get heard(): string {
    const lines = this.#process.stdout.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line)).join("");
  }

  /** Sends it, and waits until `answerBytes` more have come. */
  async say(text: string, answerBytes = 0): Promise<void> {
    await this.#process.write(`${JSON.stringify(text)}\n`);
    await this.hear(answerBytes);
  }

  async hear(bytes: number): Promise<void> {
    this.#expected += bytes;
    const isThere = (): boolean => this.heard.length >= this.#expected;
    await this.#process.until(isThere, `${bytes} bytes`, LIMIT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
