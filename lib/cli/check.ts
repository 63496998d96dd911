/**
 * `sockeye check`: what this kernel and these privileges allow.
 * In: findings of probeKernel() and dropPrivileges(). Out: a line for each, remedies, and an exit code.
 */
import { type Check, probeKernel } from "../capture/live/allowed.ts";
import { dropPrivileges } from "../privileges/drop.ts";
import type { NeedName } from "../privileges/needs.ts";
import { escapeText } from "../wire/escape.ts";
import { answer } from "./messages.ts";
import { needsOf } from "./privileges.ts";

/** Prints the findings; the exit code is 1 when tracing cannot work. */
export function check(): Promise<number> {
  const colour = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  // givenUp() last: what it gives up does not come back.
  const findings = [...probeKernel(), ...givenUp(needsOf({ tls: true }))];
  answer(formatFindings(findings, colour));
  return Promise.resolve(findings.every((finding) => finding.ok) ? 0 : 1);
}

/** Gives up what a trace gives up once it is attached; a step that this kernel lacks is no failure. */
function givenUp(needs: readonly NeedName[]): Check[] {
  return dropPrivileges({ needs }).map(({ name, done, detail }) => ({
    name: "given up",
    ok: true,
    detail: done ? `${name}: ${detail}` : `${name}: no: ${detail}`,
  }));
}

/** The text of all findings, with the remedy below each that fails or could be better. */
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
