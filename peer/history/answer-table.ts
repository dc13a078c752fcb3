import { hex } from "../../shared/bytes.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { sha256 } from "../../shared/hash.ts";
import type { MailboxStore } from "../messaging/store/mailbox.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { id: number; device: Uint8Array; frame_tag: Uint8Array; sealed: Uint8Array };
type Sealed = { readonly device: DeviceId; readonly frame: Uint8Array };

export type AnswerTable = Pick<
  MailboxStore,
  | "answering"
  | "answersFor"
  | "countAnswers"
  | "addAnswers"
  | "removeAnswers"
  | "oldestAnswerAtMs"
  | "removeAnswersBefore"
> & { forgetAnswersFor(device: DeviceId): void; clearAnswers(): void };

/** Answers to parcels that are to be left. */
export function answerTable(database: Database, sealer: Sealer): AnswerTable {
  const sealed = sealedTable<Sealed>(sealer, "parcel_answers");
  const deviceTag = (device: DeviceId) => sealer.tag("device", device);
  const nameOf = (device: Uint8Array, frameTag: Uint8Array) => `${hex(device)} ${hex(frameTag)}`;
  const open = (row: Row) => sealed.open(nameOf(row.device, row.frame_tag), row.sealed);
  const longestDue = database.prepare<Row>(
    `SELECT id, device, frame_tag, sealed FROM parcel_answers
     WHERE id IN (SELECT min(id) FROM parcel_answers GROUP BY device) ORDER BY id`,
  );
  const due = database.prepare<Row>(
    "SELECT id, device, frame_tag, sealed FROM parcel_answers WHERE device = ? ORDER BY id",
  );
  const count = database.prepare<{ rows: number }>("SELECT count(*) AS rows FROM parcel_answers WHERE device = ?");
  const insert = database.prepare(
    `INSERT INTO parcel_answers (device, frame_tag, at, sealed) VALUES (?, ?, ?, ?)
     ON CONFLICT (device, frame_tag) DO NOTHING`,
  );
  const remove = database.prepare("DELETE FROM parcel_answers WHERE id = ?");
  const oldest = database.prepare<{ at: number | null }>("SELECT min(at) AS at FROM parcel_answers");
  const removeBefore = database.prepare("DELETE FROM parcel_answers WHERE at < ?");
  const removeAll = database.prepare("DELETE FROM parcel_answers WHERE device = ?");
  const clear = database.prepare("DELETE FROM parcel_answers");
  return {
    answering: () => longestDue.all().map((row) => open(row).device),
    answersFor: (device) => due.all(deviceTag(device)).map((row) => ({ id: row.id, frame: open(row).frame })),
    countAnswers: (device) => count.get(deviceTag(device))?.rows ?? 0,
    addAnswers(device, frames, nowMs) {
      const tag = deviceTag(device);
      for (const frame of frames) {
        const frameTag = sealer.tag("frame", hex(sha256(frame)));
        insert.run(tag, frameTag, nowMs, sealed.seal(nameOf(tag, frameTag), { device, frame }));
      }
    },
    removeAnswers(ids) {
      for (const id of ids) remove.run(id);
    },
    oldestAnswerAtMs: () => oldest.get()?.at ?? undefined,
    removeAnswersBefore: (ms) => void removeBefore.run(ms),
    forgetAnswersFor: (device) => void removeAll.run(deviceTag(device)),
    clearAnswers: () => void clear.run(),
  };
}
