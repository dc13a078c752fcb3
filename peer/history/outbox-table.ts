import { hex } from "../../shared/bytes.ts";
import { type ErrorCode, isErrorCode } from "../../shared/errors.ts";
import { pad, unpad } from "../../shared/padding.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Path } from "../messaging/path.ts";
import type { NewOutboxRow, OutboxRow, OutboxState, OutboxStore, Relayed } from "../messaging/store/outbox.ts";
import { type Database, LIMIT } from "./database.ts";
import { JustSealed } from "./just-sealed.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = {
  id: number;
  message_id: Uint8Array;
  seq: number;
  envelope_id: Uint8Array;
  state: Exclude<OutboxState, "relayed" | "displayed">;
  path: Path | null;
  tombstone: number;
  attempts: number;
  error: string | null;
  reason: string | null;
  accepted_at: number;
  sealed: Uint8Array;
  envelope: Uint8Array | null;
  relayed: Uint8Array | null;
  left_once: number;
};
type Sealed = Pick<NewOutboxRow, "to" | "device">;

const COLUMNS =
  "id, message_id, seq, envelope_id, state, path, tombstone, attempts, error, reason, accepted_at, sealed, envelope, relayed, left_once";

const NO_PLAINTEXT = new Uint8Array();

export function outboxTable(database: Database, sealer: Sealer): OutboxStore {
  const sealed = sealedTable<Sealed>(sealer, "outbox");
  const places = sealedTable<Relayed>(sealer, "relayed");
  const justSealed = new JustSealed();
  const rowName = (envelopeId: Uint8Array) => hex(envelopeId);
  const seal = ({ to, device, envelopeId, plaintext }: Sealed & Pick<NewOutboxRow, "envelopeId" | "plaintext">) => {
    const name = rowName(envelopeId);
    justSealed.add(name, { to, device, plaintext });
    return [sealed.seal(name, { to, device }), sealer.seal("envelopes", name, unpad(plaintext))] as const;
  };
  // Padding is for the wire; in the database it would only cost pages.
  const openEnvelope = (name: string, sealedEnvelope: Uint8Array) =>
    justSealed.find(name)?.plaintext ?? pad(sealer.open("envelopes", name, sealedEnvelope));
  const openSealed = (name: string, bytes: Uint8Array): Sealed => {
    const { to, device } = justSealed.find(name) ?? sealed.open(name, bytes);
    return { to, device };
  };
  const deviceTag = (device: string) => sealer.tag("device", device);
  const read = (row: Row): OutboxRow => ({
    id: row.id,
    messageId: row.message_id,
    seq: row.seq,
    envelopeId: row.envelope_id,
    state: row.state === "queued" && row.relayed !== null ? "relayed" : row.state,
    path: row.path,
    tombstone: row.tombstone === 1,
    attempts: row.attempts,
    error: readCode(row.error),
    reason: row.reason ?? undefined,
    acceptedAtMs: row.accepted_at,
    relayed: row.relayed === null ? undefined : places.open(String(row.id), row.relayed),
    left: row.left_once === 1,
    ...openSealed(rowName(row.envelope_id), row.sealed),
    plaintext: row.envelope === null ? NO_PLAINTEXT : openEnvelope(rowName(row.envelope_id), row.envelope),
  });
  const insert = database.prepare(
    `INSERT INTO outbox (message_id, device, seq, envelope_id, state, tombstone, accepted_at, sealed, envelope)
     VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?)`,
  );
  const queued = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'queued' AND device = ? AND id > ? ORDER BY id ${LIMIT}`,
  );
  const hasQueued = database.prepare("SELECT 1 FROM outbox WHERE state = 'queued' AND device = ? LIMIT 1");
  const unrelayed = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'queued' AND relayed IS NULL AND device = ? ORDER BY id ${LIMIT}`,
  );
  const awaiting = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE envelope_id = ? AND device = ? AND state = 'queued'`,
  );
  const byId = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE id = ?`);
  const ofMessage = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE message_id = ? ORDER BY id`);
  const states = database.prepare<{ state: OutboxState }>(
    `SELECT DISTINCT CASE WHEN tombstone THEN 'failed' WHEN displayed THEN 'displayed' WHEN state = 'queued' AND relayed IS NOT NULL THEN 'relayed'
       ELSE state END AS state FROM outbox WHERE message_id = ?`,
  );
  const path = database.prepare<{ path: Path }>(
    "SELECT path FROM outbox WHERE message_id = ? AND path IS NOT NULL ORDER BY state = 'stored' DESC, id LIMIT 1",
  );
  const open = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE state IN ('queued', 'failed') ORDER BY id`);
  const failed = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'failed' AND error = ? ORDER BY id`,
  );
  const queuedBefore = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'queued' AND accepted_at < ? ORDER BY id`,
  );
  const waiting = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE id IN (SELECT min(id) FROM outbox WHERE state = 'queued' GROUP BY device)`,
  );
  const markStored = database.prepare(
    `UPDATE outbox SET state = 'stored', path = ?, error = NULL, reason = NULL, envelope = NULL
     WHERE envelope_id = ? AND device = ? AND state IN ('queued', 'failed')`,
  );
  const settle = database.prepare(
    "DELETE FROM former_words WHERE change = (SELECT message_id FROM outbox WHERE envelope_id = ?)",
  );
  // A tombstone keeps why its message was given up.
  const markRelayed = database.prepare(
    `UPDATE outbox SET relayed = ?, left_once = 1, path = 'mailbox', error = iif(tombstone, error, NULL), reason = iif(tombstone, reason, NULL)
     WHERE id = ? AND envelope_id = ? AND state = 'queued'`,
  );
  const markDisplayed = database.prepare(
    "UPDATE outbox SET displayed = 1 WHERE message_id = ? AND state = 'stored' AND displayed = 0",
  );
  const forgetRelayed = database.prepare(
    "UPDATE outbox SET relayed = NULL, path = NULL WHERE device = ? AND state = 'queued' AND relayed IS NOT NULL",
  );
  // Should it be tried again, what lies in a mailbox was refused as well.
  const markFailed = database.prepare(
    "UPDATE outbox SET state = 'failed', error = ?, reason = ?, relayed = NULL, path = NULL WHERE id = ?",
  );
  // A long queue says the same of thousands of rows: once written, only those at its head change.
  const noteAttempt = database.prepare(
    `UPDATE outbox SET attempts = attempts + 1, error = ?, reason = ?
     WHERE state = 'queued' AND tombstone = 0 AND device = ? AND (error IS NOT ? OR reason IS NOT ? OR id IN
       (SELECT id FROM outbox WHERE state = 'queued' AND device = ? ORDER BY id LIMIT ${LIMITS.sendWindowMessages}))`,
  );
  const replace = database.prepare(
    `UPDATE outbox SET device = ?, seq = ?, envelope_id = ?, tombstone = ?, error = ?, reason = ?, sealed = ?,
       envelope = ?, relayed = NULL, path = NULL
     WHERE id = ?`,
  );
  const requeue = database.prepare(
    "UPDATE outbox SET state = 'queued', error = NULL, reason = NULL WHERE id = ? AND state = 'failed'",
  );
  const remove = database.prepare("DELETE FROM outbox WHERE id = ?");
  const counts = database.prepare<{ state: OutboxState; rows: number }>(
    `SELECT CASE WHEN tombstone THEN 'failed' WHEN state = 'queued' AND relayed IS NOT NULL THEN 'relayed' ELSE state END AS state,
       count(*) AS rows FROM outbox WHERE state IN ('queued', 'failed') AND (NOT tombstone OR error IS NOT NULL) GROUP BY 1`,
  );
  return {
    add({ messageId, to, device, seq, envelopeId, plaintext, tombstone, acceptedAtMs }) {
      const sealedRow = seal({ to, device, envelopeId, plaintext });
      insert.run(messageId, deviceTag(device), seq, envelopeId, tombstone ? 1 : 0, acceptedAtMs, ...sealedRow);
    },
    queued: (device, afterId, limit) => queued.all(deviceTag(device), afterId, limit).map(read),
    hasQueued: (device) => hasQueued.get(deviceTag(device)) !== undefined,
    unrelayed: (device, limit) => unrelayed.all(deviceTag(device), limit).map(read),
    awaiting(device, envelopeId) {
      const row = awaiting.get(envelopeId, deviceTag(device));
      return row && read(row);
    },
    ofMessage: (messageId) => ofMessage.all(messageId).map(read),
    stateOf(messageId) {
      const found = states.all(messageId).map(({ state }) => state);
      return (["displayed", "stored", "relayed", "queued"] as const).find((state) => found.includes(state)) ?? "failed";
    },
    pathOf: (messageId) => path.get(messageId)?.path ?? null,
    open: () => open.all().map(read),
    failed: (error) => failed.all(error).map(read),
    queuedBefore: (acceptedAtMs) => queuedBefore.all(acceptedAtMs).map(read),
    waiting: () => waiting.all().map((row) => read(row)),
    markStored(device, envelopeId, path) {
      const isStored = markStored.run(path, envelopeId, deviceTag(device)).changes > 0;
      if (!isStored) return false;
      settle.run(envelopeId);
      justSealed.forgetPlaintext(rowName(envelopeId));
      return true;
    },
    markDisplayed(to, messageIds) {
      return messageIds.filter((messageId) => {
        const rows = ofMessage.all(messageId).map(read);
        return rows.some((row) => row.to === to) && markDisplayed.run(messageId).changes > 0;
      });
    },
    markRelayed(rows, relayed) {
      for (const { id, envelopeId } of rows) markRelayed.run(places.seal(String(id), relayed), id, envelopeId);
    },
    forgetRelayed: (device) => void forgetRelayed.run(deviceTag(device)),
    markFailed: (id, error, reason) => void markFailed.run(error, reason ?? null, id),
    noteAttempt(device, error, reason) {
      const why = [error, reason ?? null, deviceTag(device)] as const;
      noteAttempt.run(...why, ...why);
    },
    replace(id, { device, seq, envelopeId, plaintext, tombstone, error, reason }) {
      const row = byId.get(id);
      if (row === undefined) return;
      const { to } = read(row);
      justSealed.forget(rowName(row.envelope_id));
      const sealedRow = seal({ to, device, envelopeId, plaintext });
      replace.run(
        deviceTag(device),
        seq,
        envelopeId,
        tombstone ? 1 : 0,
        error ?? null,
        reason ?? null,
        ...sealedRow,
        id,
      );
    },
    requeue: (id) => void requeue.run(id),
    remove(id) {
      justSealed.clear();
      remove.run(id);
    },
    counts() {
      const found = new Map(counts.all().map(({ state, rows }) => [state, rows]));
      const of = (state: OutboxState) => found.get(state) ?? 0;
      return { queued: of("queued"), relayed: of("relayed"), failed: of("failed") };
    },
  };
}

function readCode(text: string | null): ErrorCode | undefined {
  return text !== null && isErrorCode(text) ? text : undefined;
}
