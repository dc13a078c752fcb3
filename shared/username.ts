import { ChatError } from "./errors.ts";
import { LIMITS } from "./protocol.ts";

declare const brand: unique symbol;

/** A name in canonical form: `[a-z0-9]` and single inner hyphens, 3-32 characters, not reserved. */
export type Username = string & { readonly [brand]: "Username" };

const FORM = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Role mailboxes (RFC 2142), words that programs or people would mistake for an authority, and our own names. */
const RESERVED: ReadonlySet<string> = new Set(
  `abuse admin administrator all anonymous api app bot daemon everyone guest help hostmaster info list listen localhost
   mailer-daemon me moderator naming naming-server news nobody noc noreply no-reply null official operator p2pchat
   postmaster register root security self server staff support sysadmin system team test-server trust undefined unknown
   usenet uucp verify webmaster well-known www`.split(/\s+/),
);

/**
 * Reads the canonical form and nothing else; what the server accepts.
 *
 * @throws ChatError USERNAME_INVALID, USERNAME_RESERVED
 */
export function parseUsername(text: string): Username {
  const { usernameMinLength: min, usernameMaxLength: max } = LIMITS;
  if (text.length < min || text.length > max || !FORM.test(text) || text.startsWith("xn--")) {
    throw new ChatError(
      "USERNAME_INVALID",
      `a username has ${min} to ${max} characters, a-z and 0-9, with single hyphens inside`,
    );
  }
  if (RESERVED.has(text)) throw new ChatError("USERNAME_RESERVED", `"${text}" is reserved`);
  return text as Username;
}

/** What people type: ASCII letters of either case. @throws ChatError USERNAME_INVALID, USERNAME_RESERVED */
export function readUsername(typed: string): Username {
  return parseUsername(typed.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
}

/**
 * What a name looks like: names with one skeleton belong to one owner. 0/o, 1/l/i, m/rn and w/vv fold together and
 * hyphens vanish. Each character is replaced by itself (m grows to rn, not rn shrinks to m), so that no order of
 * replacements matters: `vw`, `wv` and `vvv` are one, and so are `barn`, `bar-n` and `bam`.
 */
export function skeletonOf(name: Username): string {
  return name.replace(/[-01imw]/g, (character) => LOOKS_LIKE[character] ?? character);
}

const LOOKS_LIKE: Readonly<Record<string, string>> = { "-": "", "0": "o", "1": "l", i: "l", m: "rn", w: "vv" };
