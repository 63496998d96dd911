/**
 * `sockeye check`: what this kernel and these privileges allow.
 * In: the findings of the probing functions. Out: a line for each, remedies, and an exit code.
 */
import { type Check, probeKernel } from "../capture/live/allowed.ts";
import { escapeText } from "../wire/escape.ts";
import { answer } from "./messages.ts";

/** Prints the findings; the exit code is 1 when tracing cannot work. */
export function check(): Promise<number> {
  const findings = probeKernel();
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  answer(formatFindings(findings, colour));
  return Promise.resolve(findings.every((finding) => finding.ok) ? 0 : 1);
}

/** The text of all findings; what fails, or could be better, has its remedy below it. */
export function formatFindings(findings: readonly Check[], colour: boolean): string {
  const width = Math.max(...findings.map((finding) => finding.name.length), 0) + 2;
  let text = "";
  for (const finding of findings) {
    const mark = finding.ok ? "ok  " : "FAIL";
    const painted = colour ? `\x1b[${finding.ok ? 32 : 31}m${mark}\x1b[0m` : mark;
    text += `${painted}  ${finding.name.padEnd(width)}${escapeText(finding.detail)}\n`;
    if (finding.remedy !== undefined) {
      text += `${" ".repeat(6 + width)}→ ${escapeText(finding.remedy)}\n`;
    }
  }
  return text;
}
