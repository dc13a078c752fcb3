import type * as z from "zod";
import { problemSchema } from "../../shared/api.ts";
import { ChatError, type ErrorCode, type ErrorFacts } from "../../shared/errors.ts";
import { parseStrictJson } from "../../shared/strict-json.ts";
import type { Answer } from "./http.ts";

/** What a naming server can know. Any other code from it is no news: verdicts on keys and on this computer are ours. */
const SERVER_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "USERNAME_INVALID",
  "USERNAME_RESERVED",
  "USERNAME_TAKEN",
  "USERNAME_CONFUSABLE",
  "REGISTRATION_CLOSED",
  "INVITE_REQUIRED",
  "INVITE_INVALID",
  "NAME_UNKNOWN",
  "KEY_INVALID",
  "KEY_IN_USE",
  "RECORD_INVALID",
  "RECORD_CONFLICT",
  "RECORD_EXPIRED",
  "SIGNATURE_INVALID",
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "TOKEN_REPLAYED",
  "CLOCK_SKEW",
  "FORBIDDEN",
  "REQUEST_INVALID",
  "BODY_TOO_LARGE",
  "MEDIA_TYPE",
  "NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "RATE_LIMITED",
  "KEY_PACKAGES_FULL",
  "RELAYS_FULL",
  "KEY_PACKAGE_INVALID",
  "SERVER_BUSY",
]);

const DETAIL_MAX_LENGTH = 300;

/** @throws ChatError SERVER_ERROR with reason `body` */
export function readAnswer<T>({ body }: Answer, schema: z.ZodType<T>): T {
  const read = schema.safeParse(parseAnswer(body));
  if (read.success) return read.data;
  throw nonsense("body", read.error);
}

function parseAnswer(body: Uint8Array): unknown {
  try {
    return parseStrictJson(body);
  } catch (cause) {
    throw nonsense("body", cause);
  }
}

function nonsense(reason: string, cause?: unknown): ChatError {
  return new ChatError("SERVER_ERROR", "the naming server's answer makes no sense", { reason, cause });
}

/** The error that an answer other than 2xx or 304 stands for. `details` holds its status and what its code promises. */
export function errorOf(answer: Answer): ChatError {
  const { status } = answer;
  if (status < 400) return nonsense(status >= 300 ? "redirect" : "status");
  const details = { status, ...retryAfter(answer) };
  const problem = findProblem(answer);
  if (problem === undefined || !SERVER_CODES.has(problem.code)) {
    return new ChatError(codeOf(status), `the naming server answered ${status}`, { details });
  }
  const { code, reason, title, detail = title, serverTime, expectedAudience } = problem;
  const facts: ErrorFacts = {
    details: {
      ...details,
      ...(serverTime !== undefined && { serverTime }),
      ...(expectedAudience !== undefined && { expectedAudience }),
    },
    ...(reason !== undefined && { reason: reason.slice(0, 64) }),
  };
  return new ChatError(code, detail.slice(0, DETAIL_MAX_LENGTH), facts);
}

function findProblem({ body }: Answer) {
  try {
    return problemSchema.safeParse(parseStrictJson(body)).data;
  } catch {
    return undefined;
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 429) return "RATE_LIMITED";
  return status === 503 ? "SERVER_BUSY" : "SERVER_ERROR";
}

/** Seconds only: the form with a date needs a clock that agrees. RFC 9110 10.2.3. */
function retryAfter({ headers }: Answer): { retryAfterSeconds?: number } {
  const seconds = headers["retry-after"];
  return seconds !== undefined && /^\d{1,6}$/.test(seconds) ? { retryAfterSeconds: Number(seconds) } : {};
}
