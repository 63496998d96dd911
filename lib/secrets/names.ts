/**
 * Which names stand for secrets: of header fields, query keys, form fields, settings, and of fields
 * of binary protocols. In: a name, in whatever case and spelling. Out: a verdict. Pure, linear in the
 * name's length.
 *
 * "X-Api-Key", "api_key", "apiKey" and "api%5Fkey" are one name: case, punctuation and percent
 * encoding do not count.
 */
import { codeOf, unitAt, widthOf } from "./units.ts";
import { Words } from "./words.ts";

const ANYWHERE = 1;
const AT_END = 2;
const NOT_AT_END = 4;
const WHOLE = 8;

const words = (text: string): readonly string[] => text.split(" ");

const NAMES = new Words([
  [
    ANYWHERE,
    words(
      "password passwd passphrase passcode pwd secret credential cookie signature jwt bearer " +
        "authorization authenticationinfo samlresponse samlart codeverifier sessionid sessid " +
        "accesstoken authtoken securitytoken csrftoken xsrftoken requirepass masterauth " +
        "primaryauth apikey appkey applicationkey accesskey authkey privatekey sharedkey " +
        "accountkey masterkey signingkey encryptionkey subscriptionkey functionskey licensekey " +
        "sessionkey",
    ),
  ],
  // At the end only: "tokens" is a number ("max_tokens"), and "token_type" names no secret.
  [AT_END, words("token pass assertion")],
  [NOT_AT_END, words("pagetoken nexttoken continuationtoken synctoken bypass compass")],
  [WHOLE, words("pw auth xauth sig sid connectsid session otp totp pin")],
]);

/** CORS headers ("Access-Control-Allow-Credentials") name credentials and hold none. */
const ABOUT = "accesscontrol".length;
const ABOUT_FIRST = /^access-control-/i;

/** Is the value of this name withheld? */
export function isSecretName(name: string): boolean {
  return isSecretKey(name, 0, name.length);
}

/** Is the value of the name in [start, end) of `text` withheld? */
export function isSecretKey(text: string, start: number, end: number): boolean {
  let state = 0;
  let letters = 0;
  for (let i = start; i < end;) {
    const unit = unitAt(text, i);
    const code = codeOf(unit);
    i += widthOf(unit);
    if (!isAlphanumeric(code)) continue;
    letters++;
    state = NAMES.step(state, code);
    if (state === 0) continue;
    if ((NAMES.marks(state) & ANYWHERE) !== 0) return !isAboutSecrets(text, start, end);
  }
  const marks = NAMES.marks(state);
  if ((marks & AT_END) !== 0) return (marks & NOT_AT_END) === 0;
  return (marks & WHOLE) !== 0 && NAMES.length(state) === letters;
}

function isAboutSecrets(text: string, start: number, end: number): boolean {
  return end - start > ABOUT && ABOUT_FIRST.test(text.substring(start, start + ABOUT + 2));
}

function isAlphanumeric(code: number): boolean {
  const lower = code | 32;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39);
}
