/** Why the system refused, as in "permission denied (EACCES)". */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = (error.message.split(/ \(os error|: /, 1)[0] ?? "").toLowerCase();
  const code = "code" in error && typeof error.code === "string" ? error.code : null;
  return code === null || text === "" ? error.message : `${text} (${code})`;
}
