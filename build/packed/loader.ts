/**
 * The main module of the packed executable: a few lines that Deno parses quickly.
 *
 * Without a cache, Deno analyses a main module anew at each start, 40 ms for the whole program. So the
 * program lies in the executable's tail as the body of an async function, which V8 reads alone.
 */
import { readPacked } from "../../lib/assets.ts";

/** The program's name among the packed assets. */
const PROGRAM = "sockeye.js";

type Constructor = new (body: string) => () => Promise<void>;

const AsyncFunction: Constructor = Object.getPrototypeOf(async () => {}).constructor;
const source = new TextDecoder().decode(readPacked("/proc/self/exe", PROGRAM));
await new AsyncFunction(`"use strict";${source}\n//# sourceURL=${PROGRAM}`)();
