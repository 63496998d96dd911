/** The protocols that this build knows, one line each; the order decides only how they are listed. */
import { dns } from "./dns/mod.ts";
import { http } from "./http/mod.ts";
import type { Plugin } from "./protocol.ts";
import { redis } from "./redis/mod.ts";
import { tls } from "./tls/mod.ts";

export const plugins: readonly Plugin[] = [http, redis, dns, tls];
