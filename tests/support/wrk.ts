/**
 * wrk as a load that is counted: it ends when every request has its answer, however slow the machine
 * is, so that none is under way when it leaves.
 *
 * In: a server and a path. Out: requests of PATH?1, PATH?2 …, and how many responses wrk took.
 */
import assert from "node:assert/strict";
import { Background } from "./process.ts";
import { exists, type Server } from "./servers.ts";

export interface LoadOptions {
  /** Starts with a slash. */
  path: string;
  connections: number;
  /** Requests; without it they go on until finish(). */
  total?: number;
  /** Between an answer and the connection's next request. */
  pauseMs?: number;
}

/**
 * FOLDER/enough ends a load without a total: what is on its way by then is the rest. FOLDER/answered
 * appears when all are answered.
 */
const script = ({ path, total, pauseMs = 0 }: LoadOptions, folder: string): string => `
local granted, sent, answered, last = 0, 0, 0, ${total ?? "math.huge"}
local function is_there(name)
  local file = io.open("${folder}/" .. name)
  if file then file:close() end
  return file ~= nil
end
local function settle()
  if answered == last then io.open("${folder}/answered", "w"):close() end
end
delay = function()
  if last == math.huge and is_there("enough") then
    last = granted
    settle()
  end
  if granted >= last then return 3600000 end
  granted = granted + 1
  return ${pauseMs}
end
request = function()
  sent = sent + 1
  return wrk.format("GET", "${path}?" .. sent)
end
response = function()
  answered = answered + 1
  settle()
end
`;

/** A running wrk. */
export class Load implements AsyncDisposable {
  private constructor(readonly process: Background, readonly folder: string) {}

  static async start(server: Server, options: LoadOptions): Promise<Load> {
    const folder = await Deno.makeTempDir({ prefix: "sockeye-wrk-" });
    await Deno.writeTextFile(`${folder}/load.lua`, script(options, folder));
    const wrk = new Background("wrk", [
      ...["-t", "1", "-c", `${options.connections}`, "-d", "1h", "-s", `${folder}/load.lua`],
      `http://127.0.0.1:${server.port}/`,
    ]);
    return new Load(wrk, folder);
  }

  /** Waits for the last answer; the responses that wrk took, by its own count. */
  async finish(): Promise<number> {
    const { process, folder } = this;
    await Deno.writeTextFile(`${folder}/enough`, "");
    await process.until(() => exists(`${folder}/answered`), "the last answer");
    process.kill("SIGINT");
    assert.equal((await process.end()).code, 0);
    assert.doesNotMatch(process.stdout, /Socket errors|Non-2xx/);
    return Number(/(\d+) requests in/.exec(process.stdout)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
