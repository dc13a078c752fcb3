/**
 * Everything that can go wrong, as one closed set of codes. The code is for programs, the message for people,
 * `cause` for debugging. Each edge has one table from code to its own language: HTTP status
 * (`naming-server/problem.ts`), exit code (`peer/cli/exit-codes.ts`), refusal on the wire (`shared/frames.ts`).
 */
export const ERROR_CODES = [
  // what a person typed, or what they may not do
  "USAGE",
  "CONFIG_INVALID",
  "USERNAME_INVALID",
  "USERNAME_RESERVED",
  "USERNAME_TAKEN",
  "USERNAME_CONFUSABLE",
  "REGISTRATION_CLOSED",
  "INVITE_REQUIRED",
  "INVITE_INVALID",
  "SERVER_MISMATCH",
  "HTTP_REFUSED",
  "MESSAGE_EMPTY",
  "MESSAGE_TOO_LARGE",
  "MESSAGE_NOT_TEXT",
  "ID_CONFLICT",
  "SELF_SEND",
  "PROFILE_MISSING",
  "PROFILE_EXISTS",
  "PROFILE_UNSAFE",
  "PROFILE_BUSY",
  "DAEMON_MISMATCH",
  "CONTACT_UNKNOWN",
  "CONTACT_BLOCKED",
  "OUTBOX_UNKNOWN",
  "MESSAGE_UNKNOWN",
  "SAFETY_NUMBER_MISMATCH",
  "QUOTA",
  "COMMAND_FAILED",
  // names and keys
  "NAME_UNKNOWN",
  "KEY_CHANGED",
  "KEY_INVALID",
  "KEY_IN_USE",
  "RECORD_INVALID",
  "RECORD_ROLLBACK",
  "RECORD_CONFLICT",
  "RECORD_EXPIRED",
  "SIGNATURE_INVALID",
  // the naming server's log
  "NOTE_INVALID",
  "LOG_INVALID",
  "LOG_FORKED",
  "LOG_STALE",
  // proving who one is
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "TOKEN_REPLAYED",
  "CLOCK_SKEW",
  "FORBIDDEN",
  "PASSPHRASE_REQUIRED",
  "PASSPHRASE_WRONG",
  // requests that are not well formed
  "REQUEST_INVALID",
  "BODY_TOO_LARGE",
  "MEDIA_TYPE",
  "NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "RATE_LIMITED",
  "KEY_PACKAGES_FULL",
  "RELAYS_FULL",
  // sessions and frames between peers
  "FRAME_INVALID",
  "FRAME_TOO_LARGE",
  "VERSION_UNSUPPORTED",
  "ENVELOPE_INVALID",
  "SESSION_UNKNOWN",
  "SESSION_INVALID",
  "SESSION_OUT_OF_ORDER",
  "KEY_PACKAGE_INVALID",
  "NO_KEY_PACKAGE",
  // the world
  "SERVER_UNREACHABLE",
  "SERVER_ERROR",
  "SERVER_BUSY",
  "PEER_UNREACHABLE",
  "STORAGE",
  "STORE_CORRUPT",
  "PRIVACY_UNMET",
  "TIMED_OUT",
  "INTERRUPTED",
  "INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * `reason` narrows a code where a reader can act on it (`TOKEN_INVALID` with `alg`, `ENVELOPE_INVALID` with
 * `recipient`): a short stable word. `details` holds further facts for programs; neither ever holds a secret.
 */
export type ErrorFacts = {
  readonly reason?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

export class ChatError extends Error {
  override readonly name = "ChatError";
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.reason = facts.reason;
    this.details = facts.details;
  }
}

const KNOWN: ReadonlySet<string> = new Set(ERROR_CODES);

export function isErrorCode(text: string): text is ErrorCode {
  return KNOWN.has(text);
}

/** Whatever was thrown, as a ChatError: what nobody foresaw is INTERNAL. */
export function asChatError(error: unknown): ChatError {
  return error instanceof ChatError ? error : new ChatError("INTERNAL", "unexpected", { cause: error });
}

/** True for a ChatError, of one of `codes` where any are given. */
export function isChatError(error: unknown, ...codes: ErrorCode[]): error is ChatError {
  return error instanceof ChatError && (codes.length === 0 || codes.includes(error.code));
}
