/** The protocols that this build knows, in the order in which they are tried. One line each. */
import { dns } from "./dns/mod.ts";
import { http } from "./http/mod.ts";
import type { Plugin } from "./protocol.ts";
import { redis } from "./redis/mod.ts";
import { tls } from "./tls/mod.ts";

export const plugins: readonly Plugin[] = [http, redis, dns, tls];
