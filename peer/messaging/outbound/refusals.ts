import type { ErrorCode } from "../../../shared/errors.ts";

/** Refusals that no later try can change: of one message, or of all that this person is sent. */
const MESSAGE_REFUSED: readonly ErrorCode[] = ["ENVELOPE_INVALID", "VERSION_UNSUPPORTED"];
const SENDER_REFUSED: readonly ErrorCode[] = ["QUOTA", "CONTACT_BLOCKED"];
/** Refusals of a session that another session may overcome. */
const SESSION_REFUSED: readonly ErrorCode[] = ["KEY_PACKAGE_INVALID", "SESSION_INVALID", "SESSION_OUT_OF_ORDER"];

type Refusal = { readonly code: ErrorCode; readonly reason?: string | undefined };

/** Whatever else is queued for that device would be refused as well. */
export function refusesSender({ code }: Refusal): boolean {
  return SENDER_REFUSED.includes(code);
}

/** That message alone will never be taken. A device that is not listed yet may be different next time. */
export function refusesMessage({ code, reason }: Refusal): boolean {
  return MESSAGE_REFUSED.includes(code) && reason !== "identity";
}

export function refusesSession({ code }: Refusal): boolean {
  return SESSION_REFUSED.includes(code);
}
