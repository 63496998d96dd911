/** An Output that keeps as text what is written. */
import type { Output } from "../../lib/sink/output.ts";
import { JsonBuffer } from "../../lib/wire/json.ts";

export class MemoryOutput implements Output {
  text = "";
  readonly batch = new JsonBuffer(64);
  readerGone = false;
  failure: unknown = null;
  droppedRecords = 0;
  write(text: string): void {
    this.text += text;
  }
  written(): void {
    this.text += new TextDecoder().decode(this.batch.bytes.subarray(0, this.batch.length));
    this.batch.clear();
  }
  flush(): void {}
  calm(): Promise<void> {
    return Promise.resolve();
  }
  finish(): Promise<void> {
    return Promise.resolve();
  }
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}
