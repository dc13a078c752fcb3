import { type KeyObject, randomUUID } from "node:crypto";
import { equalBytes } from "../../shared/bytes.ts";
import { logOriginOf, openCheckpoint, type SignedCheckpoint, signCheckpoint } from "../../shared/checkpoint.ts";
import { privateKeyObject, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { logLeafOf } from "../../shared/log-leaf.ts";
import { consistencyProof, EMPTY_ROOT, inclusionProof, rootOf } from "../../shared/merkle.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { encodeVerifier } from "../../shared/signed-note.ts";
import type { Username } from "../../shared/username.ts";
import { SERVER_LIMITS } from "../limits.ts";
import type { CheckpointRow, Store } from "../storage/store.ts";
import type { LogTree } from "./log-tree.ts";
import type { Pace } from "./pace.ts";

/** A record in the store. */
type Accepted = { readonly seq: number; readonly hash: string; readonly logIndex?: number | undefined };

/** Where a record stands, and the proof that the tree of the first `size` leaves holds it there. */
export type Place = { readonly index: number; readonly size: number; readonly proof: readonly Uint8Array[] };

/** A place under a checkpoint of that size. */
export type Covered = Place & { readonly checkpoint: string };

export type LogOptions = {
  readonly store: Store;
  readonly tree: LogTree;
  /** Of the key that signs checkpoints. */
  readonly seed: Uint8Array;
  readonly publicUrl: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly pace: Pace;
};

/**
 * The log of all accepted records, as this instance sees it. A checkpoint is signed over what is on disk and shared by all
 * instances, so it never says what a crash could take back, and whoever signs the next one signs the same root.
 */
export class TransparencyLog {
  readonly #options: LogOptions;
  readonly #signer: { readonly name: string; readonly publicKey: Uint8Array; readonly key: KeyObject };
  readonly #holder = randomUUID();
  #checkpoint: SignedCheckpoint = { size: 0, root: EMPTY_ROOT, time: 0, note: "" };
  /** When a new checkpoint was last signed or seen, and when that was last looked for; by the monotonic clock. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #round: Promise<void> | undefined;

  constructor(options: LogOptions) {
    const { publicUrl, seed } = options;
    this.#options = options;
    this.#signer = {
      name: logOriginOf(publicUrl),
      publicKey: publicKeyOfSeed(seed),
      key: privateKeyObject(seed),
    };
  }

  /** The key that signs checkpoints, as text. */
  get verifier(): string {
    return encodeVerifier(this.#signer);
  }

  /** Entries under the newest checkpoint that this instance knows. */
  get size(): number {
    return this.#checkpoint.size;
  }

  /** When that checkpoint was signed, seconds since the Unix epoch. */
  get signedAt(): number {
    return this.#checkpoint.time;
  }

  /**
   * The newest checkpoint; what this instance accepted before is covered, and what others did, after one interval. While
   * the database cannot be used, the last one: it says how old it is.
   */
  async latest(): Promise<SignedCheckpoint> {
    const { pace } = this.#options;
    if (pace.nowMs() - this.#lookedAtMs >= pace.intervalMs) await this.#tryRound();
    while (this.#checkpoint.note === "") await this.#nextRound();
    return this.#checkpoint;
  }

  /**
   * Where a record stands; waits until it has its place and a checkpoint covers it.
   *
   * @throws ChatError SERVER_BUSY where that takes too long: the record is accepted all the same; STORE_CORRUPT where its
   *   place is another's
   */
  async placeOf(name: Username, { seq, hash, logIndex }: Accepted): Promise<Covered> {
    const { store, pace, tree } = this.#options;
    const giveUpAtMs = pace.nowMs() + SERVER_LIMITS.logWaitMs;
    let index = logIndex ?? (await store.findLogIndex(name, seq));
    while (index === undefined || index >= this.#checkpoint.size) {
      if (pace.nowMs() >= giveUpAtMs) throw new ChatError("SERVER_BUSY", "the record waits for its place in the log");
      await this.#nextRound();
      index ??= await store.findLogIndex(name, seq);
      // Another instance is at work on it, or stopped while it was: asking on and on makes neither faster.
      if (index === undefined) await pace.sleep(SERVER_LIMITS.logRetryMs);
    }
    tree.checkLeaf(index, { name, hash });
    const { size, note } = this.#checkpoint;
    return { ...this.inclusion(index, size), checkpoint: note };
  }

  /** @throws ChatError REQUEST_INVALID (reason `range`) */
  inclusion(index: number, size: number): Place {
    this.#assertRange(index < size && size <= this.#checkpoint.size);
    return { index, size, proof: inclusionProof(this.#options.tree, index, size) };
  }

  /** @throws ChatError REQUEST_INVALID (reason `range`) */
  consistency(from: number, to: number): readonly Uint8Array[] {
    this.#assertRange(from <= to && to <= this.#checkpoint.size);
    return consistencyProof(this.#options.tree, from, to);
  }

  /** A page of leaves from `start` on, as far as the checkpoint goes. @throws ChatError REQUEST_INVALID (reason `range`) */
  async entries(start: number): Promise<readonly Uint8Array[]> {
    const { size } = await this.latest();
    this.#assertRange(start <= size);
    const rows = await this.#options.store.listLeaves(start, Math.min(LIMITS.logPageEntries, size - start));
    return rows.map(({ name, hash }) => logLeafOf(name, hash));
  }

  /** Signs anew before the checkpoint becomes old. */
  async renew(): Promise<void> {
    await this.#nextRound();
  }

  #assertRange(isWithin: boolean): void {
    if (isWithin) return;
    throw new ChatError("REQUEST_INVALID", `the log has ${this.#checkpoint.size} entries`, { reason: "range" });
  }

  async #tryRound(): Promise<void> {
    try {
      await this.#nextRound();
    } catch (error) {
      if (!isChatError(error, "STORAGE") && !isChatError(error, "SERVER_BUSY")) throw error;
    }
  }

  /** One round for all who wait, no sooner after a checkpoint than the pace allows the next. */
  #nextRound(): Promise<void> {
    this.#round ??= this.#paced().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #paced(): Promise<void> {
    const { pace } = this.#options;
    await pace.sleep(this.#renewedAtMs + pace.intervalMs - pace.nowMs());
    await this.#advance();
  }

  async #advance(): Promise<void> {
    const { store, tree, pace } = this.#options;
    await store.sequenceRecords(this.#holder);
    const { size, checkpoint } = await store.readLog();
    await this.#assertContinued(checkpoint);
    await tree.grow(size);
    this.#lookedAtMs = pace.nowMs();
    const isFirst = this.#checkpoint.note === "";
    const isNew = checkpoint !== undefined && checkpoint.note !== this.#checkpoint.note;
    const isAdopted = isNew && this.#adopt(checkpoint, isFirst);
    // Another instance has just signed: the interval is that of all of them together.
    if (isAdopted && !isFirst) return;
    if (this.#isDue(checkpoint)) await this.#sign(checkpoint);
  }

  /**
   * A database that was put back to an earlier state gives the places of what it lost to others. Nothing is signed then:
   * the tree here still has what was lost.
   *
   * @throws ChatError STORE_CORRUPT
   */
  async #assertContinued(stored: CheckpointRow | undefined): Promise<void> {
    const { note, size, time } = this.#checkpoint;
    if (note === "") return;
    if (stored === undefined || stored.size < size || stored.time < time) {
      throw new ChatError("STORE_CORRUPT", "the database was put back to an earlier state while this server ran");
    }
    await this.#options.tree.compare(size);
  }

  /**
   * What another instance has signed, or this one before its last start. Under another public URL the first one counts for
   * nothing, since no record names that URL: then false.
   *
   * @throws ChatError STORE_CORRUPT
   */
  #adopt(row: CheckpointRow, isFirst: boolean): boolean {
    this.#options.tree.check(row);
    try {
      this.#checkpoint = openCheckpoint(row.note, this.#signer);
      this.#renewedAtMs = this.#options.pace.nowMs();
      return true;
    } catch (error) {
      if (!isChatError(error, "NOTE_INVALID")) throw error;
      if (!isFirst) throw signedByAnother();
      return false;
    }
  }

  #isDue(stored: CheckpointRow | undefined): boolean {
    if (stored === undefined || stored.note !== this.#checkpoint.note) return true;
    const ageSeconds = this.#options.now() / 1000 - stored.time;
    return this.#options.tree.size > stored.size || ageSeconds >= SERVER_LIMITS.checkpointRenewSeconds;
  }

  /** The time of a checkpoint is never before that of an earlier one, whatever the clock does. */
  async #sign(stored: CheckpointRow | undefined): Promise<void> {
    const { store, tree, seed, now, pace } = this.#options;
    const time = Math.max(Math.floor(now() / 1000), stored?.time ?? 0);
    const next = { size: tree.size, root: rootOf(tree, tree.size), time };
    const note = signCheckpoint(next, this.#signer);
    if (!(await store.saveCheckpoint({ ...next, note }, stored?.note, seed))) return this.#assertOwnKey();
    this.#checkpoint = { ...next, note };
    this.#renewedAtMs = pace.nowMs();
  }

  /** @throws ChatError STORE_CORRUPT where the database was declared restored while this server ran */
  async #assertOwnKey(): Promise<void> {
    const { store, seed } = this.#options;
    if (!equalBytes(await store.keepLogSeed(seed), seed)) throw signedByAnother();
  }
}

function signedByAnother(): ChatError {
  const message = "the log goes on under another key or public URL than this server started with; stop one of them";
  return new ChatError("STORE_CORRUPT", message);
}
