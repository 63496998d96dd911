/** Whole conversations for the contract test. TODO: bytes as real servers send them. */
import type { Sample } from "../../support/contract.ts";

const encoder = new TextEncoder();

function ask(text: string): Sample["steps"][number] {
  return { side: "request", bytes: encoder.encode(text) };
}

function reply(text: string): Sample["steps"][number] {
  return { side: "response", bytes: encoder.encode(text) };
}

export const samples: Sample[] = [
  {
    name: "one after the other",
    transport: "stream",
    exchanges: 2,
    steps: [
      ask("new_name> hello\n"),
      reply("new_name< hello yourself\n"),
      ask("new_name> grüß dich\n"),
      reply("new_name! what?\n"),
    ],
  },
  {
    name: "pipelined",
    transport: "stream",
    exchanges: 3,
    steps: [
      ask("new_name> a\nnew_name> b\nnew_name> c\n"),
      reply("new_name< 1\nnew_name< 2\n"),
      reply("new_name< 3\n"),
    ],
  },
];
