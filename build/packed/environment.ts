/**
 * Records are garbage as soon as they are printed: 3 × 4 MiB for young objects instead of 3 × 16 is
 * enough, and saves some 20 MiB with 10,000 connections open. --single-threaded-gc would spare a tenth
 * of the CPU time and cost that memory again. Old objects are collected when they have grown by 30 %,
 * so that garbage does not double what --memory-limit allows. V8's own limit of 4 GiB would end the
 * process before a larger --memory-limit is reached.
 */
export const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=30,--max-old-space-size=65536";

/**
 * The runtime's environment in the packed executable, in place of the user's: these values, and those
 * of the user's variables that sockeye reads. So no variable that Deno, its Node side, V8 or any of its
 * libraries would heed gets in, known or not. A cache folder that cannot exist keeps Deno from writing;
 * a home that cannot exist keeps it from reading ~/.npmrc and from looking the user up. COMMAND gets
 * the user's own environment (lib/cli/user_state.ts).
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
