import { hex } from "../../shared/bytes.ts";
import { type ErrorCode, isErrorCode } from "../../shared/errors.ts";
import type { NewOutboxRow, OutboxRow, OutboxState, OutboxStore } from "../messaging/store.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = {
  id: number;
  message_id: Uint8Array;
  seq: number;
  envelope_id: Uint8Array;
  state: OutboxState;
  path: "direct" | null;
  tombstone: number;
  attempts: number;
  error: string | null;
  reason: string | null;
  accepted_at: number;
  sealed: Uint8Array;
};
type Sealed = Pick<NewOutboxRow, "to" | "device" | "plaintext">;

const COLUMNS =
  "id, message_id, seq, envelope_id, state, path, tombstone, attempts, error, reason, accepted_at, sealed";

/** What is stored keeps its row, as the proof of delivery, but not its envelope: history has the text. */
const NO_PLAINTEXT = new Uint8Array();

export function outboxTable(database: Database, sealer: Sealer): OutboxStore {
  const sealed = sealedTable<Sealed>(sealer, "outbox");
  const deviceTag = (device: string) => sealer.tag("device", device);
  const read = (row: Row): OutboxRow => ({
    id: row.id,
    messageId: row.message_id,
    seq: row.seq,
    envelopeId: row.envelope_id,
    state: row.state,
    path: row.path,
    tombstone: row.tombstone === 1,
    attempts: row.attempts,
    error: readCode(row.error),
    reason: row.reason ?? undefined,
    acceptedAtMs: row.accepted_at,
    ...sealed.open(hex(row.envelope_id), row.sealed),
  });
  const insert = database.prepare(
    `INSERT INTO outbox (message_id, device, seq, envelope_id, state, accepted_at, sealed)
     VALUES (?, ?, ?, ?, 'queued', ?, ?)`,
  );
  const queued = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'queued' AND device = ? AND id > ? ORDER BY id LIMIT ?`,
  );
  const byId = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE id = ?`);
  const byEnvelope = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE state = 'queued' AND envelope_id = ? AND device = ?`,
  );
  const ofMessage = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE message_id = ? ORDER BY id`);
  const open = database.prepare<Row>(`SELECT ${COLUMNS} FROM outbox WHERE state IN ('queued', 'failed') ORDER BY id`);
  const waiting = database.prepare<Row>(
    `SELECT ${COLUMNS} FROM outbox WHERE id IN (SELECT min(id) FROM outbox WHERE state = 'queued' GROUP BY device)`,
  );
  const markStored = database.prepare(
    "UPDATE outbox SET state = 'stored', path = ?, error = NULL, reason = NULL, sealed = ? WHERE id = ?",
  );
  const markFailed = database.prepare("UPDATE outbox SET state = 'failed', error = ?, reason = ? WHERE id = ?");
  const noteAttempt = database.prepare(
    "UPDATE outbox SET attempts = attempts + 1, error = ?, reason = ? WHERE state = 'queued' AND device = ?",
  );
  const replace = database.prepare(
    "UPDATE outbox SET device = ?, envelope_id = ?, tombstone = ?, sealed = ? WHERE id = ?",
  );
  const requeue = database.prepare(
    "UPDATE outbox SET state = 'queued', error = NULL, reason = NULL WHERE id = ? AND state = 'failed'",
  );
  const remove = database.prepare("DELETE FROM outbox WHERE id = ?");
  const counts = database.prepare<{ state: OutboxState; rows: number }>(
    "SELECT state, count(*) AS rows FROM outbox WHERE state IN ('queued', 'failed') GROUP BY state",
  );
  return {
    add({ messageId, to, device, seq, envelopeId, plaintext, acceptedAtMs }) {
      const body = sealed.seal(hex(envelopeId), { to, device, plaintext });
      insert.run(messageId, deviceTag(device), seq, envelopeId, acceptedAtMs, body);
    },
    queued: (device, afterId, limit) => queued.all(deviceTag(device), afterId, limit).map(read),
    ofMessage: (messageId) => ofMessage.all(messageId).map(read),
    open: () => open.all().map(read),
    waiting: () => waiting.all().map((row) => read(row)),
    markStored(device, envelopeId, path) {
      const row = byEnvelope.get(envelopeId, deviceTag(device));
      if (row === undefined) return false;
      const { to } = read(row);
      markStored.run(path, sealed.seal(hex(envelopeId), { to, device, plaintext: NO_PLAINTEXT }), row.id);
      return true;
    },
    markFailed: (id, error, reason) => void markFailed.run(error, reason ?? null, id),
    noteAttempt: (device, error, reason) => void noteAttempt.run(error, reason ?? null, deviceTag(device)),
    replace(id, { device, envelopeId, plaintext, tombstone }) {
      const row = byId.get(id);
      if (row === undefined) return;
      const body = sealed.seal(hex(envelopeId), { to: read(row).to, device, plaintext });
      replace.run(deviceTag(device), envelopeId, tombstone ? 1 : 0, body, id);
    },
    requeue: (id) => void requeue.run(id),
    remove: (id) => void remove.run(id),
    counts() {
      const found = new Map(counts.all().map(({ state, rows }) => [state, rows]));
      return { queued: found.get("queued") ?? 0, failed: found.get("failed") ?? 0 };
    },
  };
}

function readCode(text: string | null): ErrorCode | undefined {
  return text !== null && isErrorCode(text) ? text : undefined;
}
