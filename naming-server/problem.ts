import { STATUS_CODES } from "node:http";
import type { Problem } from "../shared/api.ts";
import { ChatError, type ErrorCode, isChatError } from "../shared/errors.ts";

/** What each code is in HTTP; codes that belong to peers never arise here and would be our own fault. */
export const HTTP_STATUS = {
  USAGE: 400,
  CONFIG_INVALID: 500,
  USERNAME_INVALID: 400,
  USERNAME_RESERVED: 400,
  USERNAME_TAKEN: 409,
  USERNAME_CONFUSABLE: 409,
  REGISTRATION_CLOSED: 403,
  INVITE_REQUIRED: 403,
  INVITE_INVALID: 403,
  SERVER_MISMATCH: 500,
  HTTP_REFUSED: 500,
  MESSAGE_EMPTY: 500,
  MESSAGE_TOO_LARGE: 500,
  MESSAGE_NOT_TEXT: 500,
  ID_CONFLICT: 500,
  SELF_SEND: 500,
  PROFILE_MISSING: 500,
  PROFILE_EXISTS: 500,
  PROFILE_UNSAFE: 500,
  PROFILE_BUSY: 500,
  DAEMON_MISMATCH: 500,
  CONTACT_UNKNOWN: 500,
  CONTACT_BLOCKED: 500,
  OUTBOX_UNKNOWN: 500,
  MESSAGE_UNKNOWN: 500,
  SAFETY_NUMBER_MISMATCH: 500,
  QUOTA: 500,
  COMMAND_FAILED: 500,
  NAME_UNKNOWN: 404,
  KEY_CHANGED: 500,
  KEY_INVALID: 400,
  KEY_IN_USE: 409,
  RECORD_INVALID: 400,
  RECORD_ROLLBACK: 412,
  RECORD_CONFLICT: 412,
  RECORD_EXPIRED: 400,
  SIGNATURE_INVALID: 401,
  NOTE_INVALID: 500,
  LOG_INVALID: 500,
  LOG_FORKED: 500,
  LOG_STALE: 500,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_REPLAYED: 409,
  CLOCK_SKEW: 401,
  FORBIDDEN: 403,
  PASSPHRASE_REQUIRED: 500,
  PASSPHRASE_WRONG: 500,
  REQUEST_INVALID: 400,
  BODY_TOO_LARGE: 413,
  MEDIA_TYPE: 415,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  RATE_LIMITED: 429,
  KEY_PACKAGES_FULL: 409,
  RELAYS_FULL: 409,
  FRAME_INVALID: 500,
  FRAME_TOO_LARGE: 500,
  VERSION_UNSUPPORTED: 500,
  ENVELOPE_INVALID: 500,
  SESSION_UNKNOWN: 500,
  SESSION_INVALID: 500,
  SESSION_OUT_OF_ORDER: 500,
  KEY_PACKAGE_INVALID: 400,
  NO_KEY_PACKAGE: 500,
  SERVER_UNREACHABLE: 500,
  SERVER_ERROR: 500,
  SERVER_BUSY: 503,
  PEER_UNREACHABLE: 500,
  STORAGE: 503,
  STORE_CORRUPT: 500,
  PRIVACY_UNMET: 500,
  TIMED_OUT: 500,
  INTERRUPTED: 500,
  INTERNAL: 500,
} as const satisfies Record<ErrorCode, number>;

const SERVER_FAULT = 500;
const DETAIL_MAX_LENGTH = 500;

/** What the client is told: the whole truth about its own mistakes, the code alone about ours. */
export function toProblem(error: ChatError): Problem {
  const status = HTTP_STATUS[error.code];
  return {
    type: `urn:p2pchat:problem:${error.code.toLowerCase().replaceAll("_", "-")}`,
    title: STATUS_CODES[status] ?? "Error",
    status,
    code: error.code,
    ...(status < SERVER_FAULT && { detail: error.message.slice(0, DETAIL_MAX_LENGTH) }),
    ...(error.reason !== undefined && { reason: error.reason }),
    ...promisedFacts(error),
  };
}

function promisedFacts({ details }: ChatError): Pick<Problem, "serverTime" | "expectedAudience"> {
  const { serverTime, expectedAudience } = details ?? {};
  return {
    ...(typeof serverTime === "number" && { serverTime }),
    ...(typeof expectedAudience === "string" && { expectedAudience }),
  };
}

/** Express's own refusals (a path that is not percent-encoded UTF-8) carry a status; everything else is a fault here. */
export function toChatError(error: unknown): ChatError {
  if (isChatError(error)) return error;
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  return status === 400
    ? new ChatError("REQUEST_INVALID", "the path is not well formed", { cause: error })
    : new ChatError("INTERNAL", "unexpected fault", { cause: error });
}
