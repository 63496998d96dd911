/**
 * Records come and go at once: young objects live in 3 × 4 MiB instead of 3 × 16, which saves some
 * 20 MiB with 10,000 connections open. --single-threaded-gc spared a tenth of the CPU time, and cost
 * that memory again. The old ones may grow by a third before they are looked through, so that garbage
 * does not double what --memory-limit allows. That is what bounds memory: V8's own bound, 4 GiB at
 * most, ended the process in the middle of a larger one.
 */
export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=30,--max-old-space-size=65536";

/**
 * The runtime's environment in the packed executable, in place of the user's: these values, and of
 * the user's variables those that sockeye reads. So nothing that Deno, its Node side, V8 or any of
 * its libraries would heed gets in, known or not. A cache that cannot exist keeps Deno from writing,
 * a home that cannot exist from reading ~/.npmrc, and from asking whose home it is.
 * COMMAND has the user's own (lib/cli/user_state.ts).
 */
export const DENO_ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: "/proc/none",
  DENO_DIR: "/dev/null/deno",
  DENO_LOG: "error,deno::cache=off",
  DENO_NO_UPDATE_CHECK: "1",
  DENO_DISABLE_NODE_SHIM: "1",
  DENO_NO_PACKAGE_JSON: "1",
};

export const KEPT_VARIABLES: readonly string[] = ["PATH", "TERM", "COLUMNS", "NO_COLOR"];
