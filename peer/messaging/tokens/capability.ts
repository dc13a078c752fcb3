import { ChatError, isChatError } from "../../../shared/errors.ts";
import { readAddressee } from "../addressee.ts";

const MAX_CAPABILITIES = 32;

/** `send`: write to them. `read`: their messages, the conversation with them, and what happens to them. */
export type Right = "send" | "read" | "status";

/**
 * Capabilities in their one form, without repetition: `send:bob`, `send:*`, `read:bob`, `read:*`, `status`.
 *
 * @param server  this profile's naming server
 * @throws ChatError USAGE
 */
export function readCapabilities(typed: readonly string[], server: string): readonly string[] {
  const can = [...new Set(typed.map((text) => readCapability(text, server)))];
  if (can.length === 0) throw new ChatError("USAGE", "a token needs something that it can do, such as send:bob");
  if (can.length <= MAX_CAPABILITIES) return can;
  throw new ChatError("USAGE", `a token can do at most ${MAX_CAPABILITIES} things`);
}

function readCapability(text: string, server: string): string {
  if (text === "status" || text === "send:*" || text === "read:*") return text;
  const [, right, person = ""] = /^(send|read):(.+)$/s.exec(text) ?? [];
  if (right === undefined) {
    throw new ChatError("USAGE", `unknown capability "${text}": send:NAME, send:*, read:NAME, read:* or status`);
  }
  try {
    return `${right}:${readAddressee(person, server)}`;
  } catch (cause) {
    if (!isChatError(cause)) throw cause;
    throw new ChatError("USAGE", `the capability "${text}" names nobody: ${cause.message}`, { cause });
  }
}

/** @param person  a canonical name; without one, whether the right is held for anybody at all */
export function permits(can: readonly string[], right: Right, person?: string): boolean {
  if (right === "status") return can.includes(right);
  if (person === undefined) return can.some((one) => one.startsWith(`${right}:`));
  return can.includes(`${right}:*`) || can.includes(`${right}:${person}`);
}
