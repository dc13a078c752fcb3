import { ChatError } from "../../shared/errors.ts";

/** Goes into a header, so nothing but what codes are made of. @throws ChatError INVITE_INVALID */
export function readInvite(typed: string): string {
  if (/^[\w-]{1,128}$/.test(typed)) return typed;
  throw new ChatError("INVITE_INVALID", "an invite code has letters, digits, - and _ only");
}
