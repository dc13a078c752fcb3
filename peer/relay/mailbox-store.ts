import type { BoxKind } from "../../shared/mailbox-frames.ts";
import type { Database } from "../history/database.ts";
import type { SavedTime } from "./kept-time.ts";

export type BoxRow = {
  readonly id: number;
  readonly kind: BoxKind;
  readonly token_key: Uint8Array | null;
  readonly next_place: number;
  readonly parcels: number;
  readonly bytes: number;
  /** Used tokens that are remembered. */
  readonly spent: number;
  readonly expires_at: number;
};

export type Totals = {
  readonly boxes: number;
  readonly parcels: number;
  readonly bytes: number;
  readonly spent: number;
};

export type ParcelRow = { readonly place: number; readonly stored_at: number; readonly parcel: Uint8Array };

type NewBox = {
  readonly box: Uint8Array;
  readonly kind: BoxKind;
  readonly tokenKey: Uint8Array | null;
  readonly expiresAt: number;
};
type NewParcel = {
  readonly place: number;
  readonly storedAt: number;
  readonly hash: Uint8Array;
  readonly parcel: Uint8Array;
};

/** Places looked at for one page. */
const PAGE_ROWS = 256;

export type MailboxStore = ReturnType<typeof mailboxStore>;

/** The tables of a mailbox, without a rule. Writes belong into `write` of `GroupCommit`. */
export function mailboxStore(database: Database) {
  const totals = database.prepare<Totals>("SELECT boxes, parcels, bytes, spent FROM totals");
  const find = database.prepare<BoxRow>(
    "SELECT id, kind, token_key, next_place, parcels, bytes, spent, expires_at FROM boxes WHERE box = ?",
  );
  const insertBox = database.prepare("INSERT INTO boxes (box, kind, token_key, expires_at) VALUES (?, ?, ?, ?)");
  const prolong = database.prepare("UPDATE boxes SET expires_at = ? WHERE id = ?");
  const insertParcel = database.prepare(
    "INSERT INTO parcels (box_id, place, stored_at, hash, size, parcel) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const findHash = database.prepare<object>("SELECT 1 FROM parcels WHERE box_id = ? AND hash = ? LIMIT 1");
  const removePlace = database.prepare("DELETE FROM parcels WHERE box_id = ? AND place = ?");
  const findSpent = database.prepare<{ hash: Uint8Array }>("SELECT hash FROM spent WHERE box_id = ? AND nonce = ?");
  const insertSpent = database.prepare("INSERT INTO spent (box_id, nonce, hash) VALUES (?, ?, ?)");
  const sizes = database.prepare<{ place: number; size: number }>(
    `SELECT place, size FROM parcels WHERE box_id = ? AND place > ? AND stored_at > ? ORDER BY place LIMIT ${PAGE_ROWS}`,
  );
  const parcelAt = database.prepare<ParcelRow>(
    "SELECT place, stored_at, parcel FROM parcels WHERE box_id = ? AND place = ?",
  );
  const expireParcels = database.prepare(
    "DELETE FROM parcels WHERE rowid IN (SELECT rowid FROM parcels WHERE stored_at <= ? LIMIT ?)",
  );
  const expiredBox = database.prepare<{ id: number }>("SELECT id FROM boxes WHERE expires_at <= ? LIMIT 1");
  const emptyBox = database.prepare(
    "DELETE FROM parcels WHERE rowid IN (SELECT rowid FROM parcels WHERE box_id = ? LIMIT ?)",
  );
  const forgetSpent = database.prepare(
    "DELETE FROM spent WHERE (box_id, nonce) IN (SELECT box_id, nonce FROM spent WHERE box_id = ? LIMIT ?)",
  );
  const removeBox = database.prepare("DELETE FROM boxes WHERE id = ?");
  const savedTime = database.prepare<SavedTime>("SELECT kept_at, wall_at FROM clock");
  const saveTime = database.prepare("INSERT OR REPLACE INTO clock (one, kept_at, wall_at) VALUES (1, ?, ?)");
  return {
    /** Made with the database: another one is another store. */
    id: storeId(database),
    totals: (): Totals => totals.get() ?? { boxes: 0, parcels: 0, bytes: 0, spent: 0 },
    find: (box: Uint8Array) => find.get(box),
    insertBox: ({ box, kind, tokenKey, expiresAt }: NewBox) => void insertBox.run(box, kind, tokenKey, expiresAt),
    prolong: (boxId: number, expiresAt: number) => void prolong.run(expiresAt, boxId),
    insertParcel: (boxId: number, { place, storedAt, hash, parcel }: NewParcel) =>
      void insertParcel.run(boxId, place, storedAt, hash, parcel.length, parcel),
    holds: (boxId: number, hash: Uint8Array) => findHash.get(boxId, hash) !== undefined,
    removePlace: (boxId: number, place: number) => void removePlace.run(boxId, place),
    /** The hash of the parcel that the token of that nonce paid for. */
    findSpent: (boxId: number, nonce: Uint8Array) => findSpent.get(boxId, nonce)?.hash,
    insertSpent: (boxId: number, nonce: Uint8Array, hash: Uint8Array) => void insertSpent.run(boxId, nonce, hash),
    /** Places and sizes behind `after`, in order, of what came later than `sinceSeconds`. */
    sizes: (boxId: number, after: number, sinceSeconds: number) => sizes.all(boxId, after, sinceSeconds),
    parcelAt: (boxId: number, place: number) => parcelAt.get(boxId, place),
    /** Deletes at most `rows` parcels that came until then; says how many. */
    expireParcels: (untilSeconds: number, rows: number) => expireParcels.run(untilSeconds, rows).changes,
    /** Deletes at most `rows` rows of a box whose time is over, and the box with the last; false when there is none. */
    expireBox(nowSeconds: number, rows: number): boolean {
      const id = expiredBox.get(nowSeconds)?.id;
      if (id === undefined) return false;
      const removed = emptyBox.run(id, rows).changes + forgetSpent.run(id, rows).changes;
      if (removed === 0) removeBox.run(id);
      return true;
    },
    savedTime: () => savedTime.get(),
    saveTime: ({ kept_at, wall_at }: SavedTime) => void saveTime.run(kept_at, wall_at),
  };
}

function storeId(database: Database): Uint8Array {
  return database.prepare<{ store: Uint8Array }>("SELECT store FROM totals").get()?.store ?? new Uint8Array(16);
}
