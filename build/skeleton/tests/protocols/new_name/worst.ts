/** What costs new_name most, and what it is used for: see tests/support/hostile.ts. TODO: its own. */
import { type Load, says, turns } from "../../support/hostile.ts";

export const usual: Load = {
  name: "usual",
  say: (bytes) => turns(bytes, "new_name> hello, how are you?\n", "new_name< fine, and you?\n"),
};

export const worst: readonly Load[] = [
  { name: "a line without end", say: says("request", "a", "new_name> ") },
  { name: "starts without end", say: says("request", "new_name> ") },
  { name: "nearly starts", say: says("request", "new_name>", "new_name> a\n") },
  { name: "empty lines", say: says("request", "new_name> \n") },
  { name: "garbage", say: says("request", "\n", "new_name> a\n") },
  { name: "answers that nobody asked for", say: says("response", "new_name< \n") },
];
