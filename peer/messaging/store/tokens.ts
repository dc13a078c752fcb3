import type { TokenLogEntry } from "../operations/tokens.ts";

/** A capability token, as its owner keeps it. */
export type ApiToken = {
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the token. */
  readonly hash: Uint8Array;
  readonly can: readonly string[];
  readonly rate: { readonly requests: number; readonly per: "s" | "m" | "h" };
  readonly createdAtMs: number;
  /** Undefined: never. */
  readonly expiresAtMs?: number;
};

/** `token`: undefined where a wrong one was shown. */
export type TokenUse = {
  readonly token?: { readonly id: string; readonly name: string };
  readonly atMs: number;
  readonly method: string;
  readonly person?: string;
  readonly outcome: TokenLogEntry["outcome"];
};

export interface TokenStore {
  list(): readonly (ApiToken & { readonly lastUsedAtMs: number | undefined })[];
  find(id: string): ApiToken | undefined;
  add(token: ApiToken): void;
  remove(id: string): void;
  clear(): void;
  /** Notes a use; the oldest ones of that token give way. @returns the place to `settle` it at */
  note(use: TokenUse): number;
  settle(place: number, outcome: TokenLogEntry["outcome"]): void;
  /** The newest `limit`, oldest first; of one token, or of all. */
  uses(limit: number, id?: string): readonly TokenUse[];
}
