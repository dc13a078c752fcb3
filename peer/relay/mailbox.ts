import { equalBytes, hex } from "../../shared/bytes.ts";
import { ChatError, isChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import type { BoxKind } from "../../shared/mailbox-frames.ts";
import { checkToken, nonceOfToken } from "../../shared/mailbox-token.ts";
import { MAILBOX_LIMITS } from "../../shared/protocol.ts";
import type { Database } from "../history/database.ts";
import type { Runtime } from "../messaging/runtime.ts";
import { GroupCommit } from "./group-commit.ts";
import { KeptTime } from "./kept-time.ts";
import type { RelayLimits } from "./limits.ts";
import { type BoxRow, type MailboxStore, mailboxStore, type ParcelRow, type Totals } from "./mailbox-store.ts";
import { Rates } from "./rates.ts";
import { assertRoomForParcel, quota } from "./room.ts";

export type Opening = { readonly box: Uint8Array; readonly kind: BoxKind; readonly tokenKey: Uint8Array | null };
export type Deposit = { readonly box: Uint8Array; readonly token: Uint8Array | null; readonly parcel: Uint8Array };

/** Parcels behind a place; `more`: there are others behind the last. */
export type Page = { readonly parcels: readonly ParcelRow[]; readonly more: boolean };

type Parts = {
  readonly database: Database;
  readonly limits: RelayLimits;
  readonly runtime: Pick<Runtime, "now" | "monotonic">;
  /** What is on disk is no longer known: the program must end. */
  readonly failed: (error: ChatError) => void;
};

const BURST_SECONDS = 10;
const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_DAY = 24 * SECONDS_PER_HOUR;
/** A full disk is asked so often whether it has room again. */
const FULL_RETRY_MS = 1000;
const SWEEP_ROWS = 500;

/**
 * What a mailbox stores, for whom, and how much: its rules, apart from the network. `network` says whom rates count.
 * Whoever calls has checked the signatures.
 */
export class Mailbox {
  readonly #parts: Parts;
  readonly #store: MailboxStore;
  readonly #commit: GroupCommit;
  readonly #time: KeptTime;
  readonly #newBoxes: readonly Rates[];
  readonly #deposits: Rates;
  readonly #others: Rates;
  readonly #fetchedBytes: Rates;
  /** Who waits for notices of a box, by its hex. */
  readonly #watchers = new Map<string, Set<(box: Uint8Array) => void>>();
  #fullSinceMs: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#store = mailboxStore(parts.database);
    this.#commit = new GroupCommit(parts.database);
    this.#time = new KeptTime(this.#store.savedTime(), parts.runtime);
    const { newBoxesPerHour, newBoxesPerDay, depositsPerSecond, otherRequestsPerSecond, fetchedBytesPerHour } =
      parts.limits;
    const rates = (count: number, seconds: number, burst = count) =>
      new Rates({ burst, perSecond: count / seconds, networksPerSite: parts.limits.networksPerSite });
    this.#newBoxes = [rates(newBoxesPerHour, SECONDS_PER_HOUR), rates(newBoxesPerDay, SECONDS_PER_DAY)];
    this.#deposits = rates(depositsPerSecond, 1, BURST_SECONDS * depositsPerSecond);
    this.#others = rates(otherRequestsPerSecond, 1, BURST_SECONDS * otherRequestsPerSecond);
    this.#fetchedBytes = rates(fetchedBytesPerHour, SECONDS_PER_HOUR);
  }

  get id(): Uint8Array {
    return this.#store.id;
  }

  get limits(): RelayLimits {
    return this.#parts.limits;
  }

  /** The disk was full when it was last written to. */
  get isFull(): boolean {
    return this.#fullSinceMs !== undefined;
  }

  totals(): Totals {
    return this.#store.totals();
  }

  /** Before anything that costs a look at the disk or a signature. @throws ChatError RATE_LIMITED */
  admit(network: string): void {
    if (!this.#others.take(network, this.#parts.runtime.monotonic())) throw rateLimited();
  }

  /** Whether so many bytes of parcels may be sent there now; then they count. */
  mayGive(bytes: number, network: string): boolean {
    return this.#fetchedBytes.take(network, this.#parts.runtime.monotonic(), bytes);
  }

  /**
   * Makes the box, or keeps it alive.
   *
   * @throws ChatError REQUEST_INVALID (reason `kind`), QUOTA (`relay`), RATE_LIMITED, STORAGE
   */
  open({ box, kind, tokenKey }: Opening, network: string): Promise<{ parcels: number; bytes: number }> {
    return this.#write(() => {
      if ((kind === "contacts") !== (tokenKey !== null)) throw otherKind();
      const expiresAt = this.#seconds() + MAILBOX_LIMITS.boxLifetimeSeconds;
      // One whose time is over stays its owner's until it is swept.
      const found = this.#store.find(box);
      if (found === undefined) {
        this.#assertRoomForBox(network);
        this.#store.insertBox({ box, kind, tokenKey, expiresAt });
        return { parcels: 0, bytes: 0 };
      }
      if (found.kind !== kind || !sameKey(found.token_key, tokenKey)) throw otherKind();
      this.#store.prolong(found.id, expiresAt);
      return { parcels: found.parcels, bytes: found.bytes };
    });
  }

  /**
   * Stores a parcel; on disk once this resolves. Again the same is as good as the first time.
   *
   * @throws ChatError NOT_FOUND, TOKEN_INVALID (reason `mac`), TOKEN_REPLAYED, QUOTA (`box`, `requests`, `relay`),
   *   RATE_LIMITED, STORAGE
   */
  async deposit({ box, token, parcel }: Deposit, network: string): Promise<void> {
    if (!this.#deposits.take(network, this.#parts.runtime.monotonic())) throw rateLimited();
    this.#assertDiskHasRoom();
    const hash = sha256(parcel);
    const isNew = await this.#write(() => {
      const found = this.#find(box);
      if (found === undefined || (found.token_key === null) !== (token === null)) throw unknownBox();
      if (this.#isKnown(found, token, hash)) return false;
      const { limits } = this.#parts;
      assertRoomForParcel(found, { size: parcel.length, totals: this.#store.totals(), limits });
      if (token !== null) this.#store.insertSpent(found.id, nonceOfToken(token), hash);
      this.#store.insertParcel(found.id, { place: found.next_place, storedAt: this.#seconds(), hash, parcel });
      return true;
    });
    if (isNew) this.#notify(box);
  }

  /**
   * What lies behind a place, up to `maxBytes` and never less than one parcel.
   *
   * @throws ChatError NOT_FOUND, STORAGE
   */
  page(box: Uint8Array, { after, maxBytes }: { after: number; maxBytes: number }): Page {
    try {
      return this.#page(box, { after, maxBytes });
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #page(box: Uint8Array, { after, maxBytes }: { after: number; maxBytes: number }): Page {
    const found = this.#find(box);
    if (found === undefined) throw unknownBox();
    const candidates = this.#store.sizes(found.id, after, this.#oldest());
    let bytes = 0;
    let taken = 0;
    for (const { size } of candidates) {
      bytes += size;
      if (bytes > maxBytes && taken > 0) break;
      taken += 1;
    }
    const parcels = candidates.slice(0, taken).flatMap(({ place }) => this.#store.parcelAt(found.id, place) ?? []);
    const last = candidates[taken - 1]?.place ?? after;
    return { parcels, more: this.#store.sizes(found.id, last, this.#oldest()).length > 0 };
  }

  /** Deletes what lies at those places, where anything does. @throws ChatError NOT_FOUND, STORAGE */
  remove(box: Uint8Array, places: readonly number[]): Promise<void> {
    return this.#write(() => {
      const found = this.#find(box);
      if (found === undefined) throw unknownBox();
      for (const place of places) this.#store.removePlace(found.id, place);
    });
  }

  /** Calls `watcher` after each deposit in that box, until the answer is called. */
  watch(box: Uint8Array, watcher: (box: Uint8Array) => void): () => void {
    const key = hex(box);
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  /** Deletes some of what is too old; false once nothing is. To be called again after others had their turn. */
  sweep(): Promise<boolean> {
    this.#lookForRoom();
    return this.#write(() => {
      this.#time.save(this.#store.saveTime);
      const parcels = this.#store.expireParcels(this.#oldest(), SWEEP_ROWS);
      return this.#store.expireBox(this.#seconds(), SWEEP_ROWS) || parcels > 0;
    });
  }

  #find(box: Uint8Array): BoxRow | undefined {
    const found = this.#store.find(box);
    return found !== undefined && found.expires_at > this.#seconds() ? found : undefined;
  }

  #isKnown(found: BoxRow, token: Uint8Array | null, hash: Uint8Array): boolean {
    if (token === null || found.token_key === null) return this.#store.holds(found.id, hash);
    checkToken(found.token_key, token);
    const spentOn = this.#store.findSpent(found.id, nonceOfToken(token));
    if (spentOn === undefined) return false;
    if (equalBytes(spentOn, hash)) return true;
    throw new ChatError("TOKEN_REPLAYED", "that token has paid for another parcel");
  }

  #assertRoomForBox(network: string): void {
    const { limits, runtime } = this.#parts;
    if (this.#store.totals().boxes >= limits.boxes) throw quota("relay");
    const nowMs = runtime.monotonic();
    if (!this.#newBoxes.every((rates) => rates.take(network, nowMs))) throw rateLimited();
  }

  /** On a full disk the room that was put aside is for deleting. */
  #assertDiskHasRoom(): void {
    this.#lookForRoom();
    if (this.#fullSinceMs !== undefined) throw new ChatError("STORAGE", "the disk is full", { reason: "full" });
  }

  #lookForRoom(): void {
    const nowMs = this.#parts.runtime.monotonic();
    if (this.#fullSinceMs === undefined || nowMs - this.#fullSinceMs < FULL_RETRY_MS) return;
    this.#fullSinceMs = this.#parts.database.restoreReserve() ? undefined : nowMs;
  }

  async #write<T>(work: () => T): Promise<T> {
    try {
      return await this.#commit.write(work);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  #noted(error: unknown): unknown {
    if (!isChatError(error, "STORAGE", "STORE_CORRUPT")) return error;
    if (error.reason === "full") this.#fullSinceMs = this.#parts.runtime.monotonic();
    else if (error.reason !== "busy") this.#parts.failed(error);
    return error;
  }

  #notify(box: Uint8Array): void {
    for (const watcher of this.#watchers.get(hex(box)) ?? []) watcher(box);
  }

  #seconds(): number {
    return this.#time.seconds();
  }

  #oldest(): number {
    return this.#seconds() - this.#parts.limits.keepSeconds;
  }
}

function sameKey(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

function unknownBox(): ChatError {
  return new ChatError("NOT_FOUND", "no such box");
}

function otherKind(): ChatError {
  return new ChatError("REQUEST_INVALID", "the box is of another kind or has another token key", { reason: "kind" });
}

function rateLimited(): ChatError {
  return new ChatError("RATE_LIMITED", "too many requests");
}
