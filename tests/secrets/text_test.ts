/** Secrets inside fields: what is cut out, what it is called, and what stays as it was. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { secretsInForm } from "../../lib/secrets/forms.ts";
import { type TextKind, withoutSecrets } from "../../lib/secrets/text.ts";

const CUT: { kind: TextKind; text: string; want: string; names: string[] }[] = [
  { kind: "target", text: "/a?password=x&b=1", want: "/a?password=&b=1", names: ["f?password"] },
  { kind: "target", text: "/a?pw=x&pw=y", want: "/a?pw=&pw=", names: ["f?pw"] },
  { kind: "target", text: "/a;sid=x/b?c=1", want: "/a;sid=/b?c=1", names: ["f?sid"] },
  { kind: "target", text: "/?u%5Bpwd%5D=x&y", want: "/?u%5Bpwd%5D=&y", names: ["f?u%5Bpwd%5D"] },
  { kind: "target", text: "https://b:p@h/a@b", want: "https://@h/a@b", names: ["f@userinfo"] },
  { kind: "target", text: "//b:p@q@h", want: "//@h", names: ["f@userinfo"] },
  {
    kind: "target",
    text: "/?to=h%3Ftoken%3Dx%26y%3D1&z=2",
    want: "/?to=h%3Ftoken%3D%26y%3D1&z=2",
    names: ["f?token"],
  },
  {
    kind: "text",
    text: 'token="a;b", <https://h/?sig=x>; c="d"',
    want: 'token=", <https://h/?sig=>; c="d"',
    names: ["f?token", "f?sig"],
  },
  { kind: "text", text: "a\rCookie: x; y", want: "a\rCookie:", names: ["f?Cookie"] },
  { kind: "form", text: "a=1&pass=x;y z/&b=2", want: "a=1&pass=&b=2", names: ["f?pass"] },
];
for (const { kind, text, want, names } of CUT) {
  Deno.test(`withoutSecrets() cuts values to nothing: ${JSON.stringify(text)}`, () => {
    const got: string[] = [];
    equal(withoutSecrets(text, kind, "f", got), want);
    deepEqual(got, names);
  });
}

const KEPT: { kind: TextKind; text: string }[] = [
  { kind: "target", text: "/v2/image:tag@sha256:abc?page=1&token_type=x&next_token=3" },
  { kind: "target", text: "/npm/@scope%2fpkg?q=a%20b&password=" },
  { kind: "text", text: "text/html;q=0.9, */*;q=0.8" },
  { kind: "text", text: "Thu, 26 Nov 2026 18:22:06 GMT" },
  { kind: "text", text: "bot (+http://example.com/bot; mail bob@example.com)" },
  { kind: "text", text: 'Digest realm="a", nonce="b", qop="auth"' },
  { kind: "text", text: "localhost:8080" },
  { kind: "form", text: "a=b:c@d&e=f" },
];
for (const { kind, text } of KEPT) {
  Deno.test(`withoutSecrets() leaves alone what is none: ${text}`, () => {
    const names: string[] = [];
    equal(withoutSecrets(text, kind, "f", names), text);
    deepEqual(names, []);
  });
}

Deno.test("withoutSecrets() takes time in proportion to the text", () => {
  const worst = ["=", "//", "://", "@", "%25", "a:", "token=", "pass@", "//a:b@", ";sid=", "%3D"];
  const time = (text: string, kind: TextKind): number => {
    const startMs = performance.now();
    withoutSecrets(text, kind, "f", []);
    return performance.now() - startMs;
  };
  for (const part of worst) {
    for (const kind of ["target", "text", "form"] as const) {
      const [small, large] = [20_000, 400_000].map((length) =>
        part.repeat(Math.ceil(length / part.length))
      );
      // Twenty times as much: linear is 20, quadratic 400; the rest is for a busy machine.
      const ms = [0, 1, 2].map(() => time(small ?? "", kind));
      const most = 150 * Math.max(1, ...ms);
      ok(time(large ?? "", kind) < most, `${part} as ${kind}`);
    }
  }
});

Deno.test("secretsInForm() finds fields of multipart forms by their names", () => {
  const part = (name: string, value: string): string =>
    `--x\r\nContent-Disposition: form-data; ${name}\r\n\r\n${value}\r\n`;
  const body = part('name="user"', "bob") + part('filename="a"; name="pwd"', "p\r\nq") +
    part("name=token", "t") + "--x--\r\n";
  const found = secretsInForm("multipart/form-data; boundary=x", body);
  deepEqual(found.map(({ start, end, name }) => [name, body.slice(start, end)]), [
    ["?pwd", "p\r\nq"],
    ["?token", "t"],
  ]);
  deepEqual(secretsInForm("application/json", body), []);
});
