import type { ErrorCode } from "../../../shared/errors.ts";
import type { Operations } from "../operations.ts";
import type { Feed, PresenceFeed } from "./feed.ts";

/** What a program without the owner's rights may do here; the token itself is shown once and not kept. */
export type TokenView = {
  readonly id: string;
  readonly name: string;
  /** `send:bob`, `send:*`, `read:bob`, `read:*`, `status`. */
  readonly can: readonly string[];
  /** At most so many requests: `10/m`. */
  readonly rate: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
};

/** One request of a token's holder: never what was written or read. */
export type TokenLogEntry = {
  readonly at: string;
  /** Null where a wrong token was shown. */
  readonly token: { readonly id: string; readonly name: string } | null;
  readonly method: string;
  /** Whom it was about. */
  readonly person: string | null;
  /** `begun`: not answered yet, or cut short. */
  readonly outcome: "begun" | "ok" | ErrorCode;
};

/** The way in for whoever has no more than a token. */
export interface Access {
  /** @throws ChatError TOKEN_INVALID; RATE_LIMITED after too many wrong ones; QUOTA where it has enough connections */
  authenticate(token: string): Entry;
}

/** What one token opens, over one connection: whatever it does not allow is FORBIDDEN. */
export interface Entry {
  readonly token: TokenView;
  readonly operations: Operations;
  readonly feed: Feed;
  readonly presence: PresenceFeed;
  /** A request that was none of these counts and is noted too. @throws ChatError RATE_LIMITED, TOKEN_INVALID */
  misunderstood(method: unknown, code: ErrorCode): void;
  /** The token was revoked, or has expired. */
  readonly ended: AbortSignal;
  /** The connection is gone. */
  close(): void;
}
