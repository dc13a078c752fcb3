import type { Username } from "../../../shared/username.ts";

/** The newest checkpoint that was verified. */
export type LogHead = {
  /** The log's key as this device first saw it, as text. */
  readonly verifier: string;
  readonly note: string;
  readonly size: number;
  /** Milliseconds since the Unix epoch. */
  readonly verifiedAtMs: number;
};

/** Two notes that the log's key has signed and that cannot both be true. */
export type LogEvidence = {
  readonly ours: string;
  readonly theirs: string;
  /** Who showed the other one; undefined for the server itself. */
  readonly from: Username | undefined;
  readonly seenAtMs: number;
};

export const LOG_CHUNK_LEAVES = 1024;

/** This device's copy of the naming server's log. */
export interface LogStore {
  head(): LogHead | undefined;
  saveHead(head: LogHead): void;
  /** The leaves from `n * LOG_CHUNK_LEAVES` on, side by side; fewer in the last chunk. */
  chunk(n: number): Uint8Array | undefined;
  /** @param root  of a chunk that is complete */
  saveChunk(n: number, leaves: Uint8Array, root: Uint8Array | undefined): void;
  /** Of the complete chunks, in order. */
  chunkRoots(): readonly Uint8Array[];
  /** Forgets everything. */
  clear(): void;
  evidence(): readonly LogEvidence[];
  /** The oldest few are kept for good; more prove nothing more. */
  addEvidence(evidence: LogEvidence): void;
}
