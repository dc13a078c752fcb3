import { ChatError, type ErrorCode, isChatError } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import type { NameAnswer, NamingServer } from "../messaging/ports/naming-server.ts";
import type { History } from "./follow.ts";

/** The records of one naming server; those made for another are refused. */
export interface Records {
  /** @throws ChatError as `NamingServer.lookup`, and RECORD_INVALID with reason `aud` */
  ask(username: Username, signal?: AbortSignal): Promise<NameAnswer>;
  historyOf(username: Username, signal?: AbortSignal): History;
}

/** @param audience  the URL that every record of this server names */
export function recordsOf(server: Pick<NamingServer, "lookup" | "history">, audience: () => string): Records {
  return {
    async ask(username, signal) {
      const answer = await server.lookup(username, signal);
      const { aud } = answer.record.payload;
      if (aud === audience()) return answer;
      throw new ChatError("RECORD_INVALID", `the record was made for another server (${aud})`, { reason: "aud" });
    },
    historyOf: (username, signal) => (after) => server.history(username, after, signal),
  };
}

/**
 * The server cannot be used, or knows nothing: neither may part people who have met. What is wrong with a record is not
 * here, for that is a server that lies.
 */
const UNUSABLE: readonly ErrorCode[] = [
  "SERVER_UNREACHABLE",
  "SERVER_ERROR",
  "SERVER_BUSY",
  "SERVER_MISMATCH",
  "RATE_LIMITED",
  "CLOCK_SKEW",
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "TOKEN_REPLAYED",
  "FORBIDDEN",
  "NOT_FOUND",
  "NAME_UNKNOWN",
];

export function isServerUnusable(error: unknown): error is ChatError {
  return isChatError(error, ...UNUSABLE);
}
