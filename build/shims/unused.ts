/**
 * In place of node:fs and node:child_process: commander needs them only for commands that are
 * programs of their own, and sockeye has none.
 */
export default {};
