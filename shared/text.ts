import { utf8Text } from "./bytes.ts";
import { ChatError } from "./errors.ts";
import { LIMITS } from "./protocol.ts";

/**
 * Reads bytes that are to become a text: well-formed UTF-8, not empty, at most 15 KiB.
 *
 * @throws ChatError MESSAGE_NOT_TEXT, MESSAGE_EMPTY, MESSAGE_TOO_LARGE
 */
export function readText(typed: Uint8Array): string {
  if (typed.length > LIMITS.textMaxBytes) {
    throw new ChatError("MESSAGE_TOO_LARGE", `a message has at most ${LIMITS.textMaxBytes} bytes; nothing was sent`);
  }
  const text = decode(typed);
  if (text.length === 0) throw new ChatError("MESSAGE_EMPTY", "the message is empty; nothing was sent");
  return text;
}

function decode(typed: Uint8Array): string {
  try {
    return utf8Text(typed);
  } catch (cause) {
    throw new ChatError("MESSAGE_NOT_TEXT", "the message is not UTF-8 text; nothing was sent", { cause });
  }
}
