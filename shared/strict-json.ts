import { utf8Text } from "./bytes.ts";
import { ChatError, type ErrorCode } from "./errors.ts";

const MAX_DEPTH = 8;

/**
 * Parses JSON that means the same to every reader: well-formed UTF-8, no duplicate members, no `__proto__`, no lone
 * surrogates, at most eight levels. RFC 8259 leaves these to the reader; a signature must not.
 *
 * @throws ChatError `code`
 */
export function parseStrictJson(bytes: Uint8Array, code: ErrorCode = "REQUEST_INVALID"): unknown {
  try {
    const text = utf8Text(bytes);
    const value: unknown = JSON.parse(text);
    scan(text);
    return value;
  } catch (cause) {
    throw new ChatError(code, `not strict JSON: ${cause instanceof Error ? cause.message : "unreadable"}`, { cause });
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

/** Walks the tokens of a text that JSON.parse has accepted and looks only for what that does not refuse. */
function scan(text: string): void {
  const members: Set<string>[] = [];
  const open: string[] = [];
  let previous = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(token);
      members.push(new Set());
      if (open.length > MAX_DEPTH) throw new SyntaxError("nested too deeply");
    } else if (token === "}" || token === "]") {
      open.pop();
      members.pop();
    } else if (token === ":") {
      const name: unknown = JSON.parse(previous);
      const seen = members.at(-1);
      if (typeof name !== "string" || seen === undefined) throw new SyntaxError("misplaced colon");
      if (name === "__proto__" || seen.has(name)) throw new SyntaxError(`duplicate or forbidden member`);
      seen.add(name);
    } else if (token.includes("\\u") && !isWellFormed(token)) {
      throw new SyntaxError("a lone surrogate");
    }
    previous = token;
  }
}

function isWellFormed(token: string): boolean {
  const value: unknown = JSON.parse(token);
  return typeof value === "string" && value.isWellFormed();
}
