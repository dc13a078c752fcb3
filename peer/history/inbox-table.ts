import { hex } from "../../shared/bytes.ts";
import { ENVELOPE_KINDS } from "../../shared/content.ts";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { InboxStore, Lane } from "../messaging/store/inbox.ts";
import { type Database, LIMIT } from "./database.ts";
import { MESSAGE_COLUMNS, type MessageRow, messageRows, SHOW } from "./message-rows.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type MarkRow = { lane: Uint8Array; high: number; sealed: Uint8Array };

export function inboxTable(database: Database, sealer: Sealer): InboxStore {
  const rows = messageRows(sealer);
  const lanes = sealedTable<Lane>(sealer, "received");
  const laneTag = ({ device, incarnation, conversation }: Lane) =>
    sealer.tag("lane", `${device}/${hex(incarnation)}/${hex(conversation)}`);
  const deviceTag = (device: DeviceId) => sealer.tag("device", device);
  const openLane = (row: MarkRow) => lanes.open(hex(row.lane), row.sealed);

  const byEnvelope = database.prepare<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE key = ? AND inbound = 1`,
  );
  const linkAt = database.prepare<{ link: Uint8Array }>(
    "SELECT link FROM messages WHERE lane = ? AND seq = ? AND inbound = 1",
  );
  const hasMessage = database.prepare("SELECT 1 FROM messages WHERE sender = ? AND message_id = ? AND inbound = 1");
  const mark = database.prepare<MarkRow>("SELECT high FROM received WHERE lane = ?");
  const marks = database.prepare<MarkRow>(
    `SELECT lane, high, sealed FROM received WHERE device = ? AND high > 0 ORDER BY changed_at DESC ${LIMIT}`,
  );
  const setMark = database.prepare(
    `INSERT INTO received (lane, device, high, changed_at, sealed) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (lane) DO UPDATE SET high = excluded.high, changed_at = excluded.changed_at`,
  );
  const keepProof = database.prepare(
    "UPDATE received SET proof = ?1, proof_seq = ?2 WHERE lane = ?3 AND proof_seq < ?2",
  );
  const proof = database.prepare<{ proof: Uint8Array | null }>("SELECT proof FROM received WHERE lane = ?");
  const changes = database.prepare<{ next: number }>("SELECT coalesce(max(changed_at), 0) + 1 AS next FROM received");
  const insert = database.prepare(
    `INSERT INTO messages
       (key, message_id, inbound, conversation, lane, sender, link, seq, at, bytes, readable, sealed, expires_at)
     VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // Left to itself, SQLite looks through everything without a cursor, one's own messages too.
  const heldMessages = "messages INDEXED BY messages_held WHERE inbound = 1 AND cursor IS NULL";
  const nextHeld = database.prepare<{ seq: number }>(
    `SELECT seq FROM ${heldMessages} AND lane = ? AND seq > ? ORDER BY seq LIMIT 1`,
  );
  const lastHeld = database.prepare<{ seq: number }>(
    `SELECT seq FROM ${heldMessages} AND lane = ? ORDER BY seq DESC LIMIT 1`,
  );
  const release = database.prepare<{ seen: number }>(
    `UPDATE messages SET gap_before = ?1, cursor = (SELECT coalesce(max(cursor), 0) + 1 FROM messages)
     WHERE lane = ?2 AND seq = ?3 AND inbound = 1
     RETURNING (readable IN (${SHOW.text}, ${SHOW.change}) OR ?1 > 0) AS seen`,
  );
  const heldLanes = database.prepare<MarkRow>(
    `SELECT lane, sealed FROM received WHERE lane IN (SELECT lane FROM ${heldMessages})`,
  );
  const visibleAfter = database.prepare<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages
     WHERE cursor > ? AND (readable IN (${SHOW.text}, ${SHOW.change}) OR gap_before > 0) ORDER BY cursor ${LIMIT}`,
  );
  const byMessage = database.prepare<MessageRow>(
    // The first of each sender is the message: what they send again under its id is none.
    `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE id IN (
       SELECT min(id) FROM messages INDEXED BY messages_by_message WHERE message_id = ? AND inbound = 1 GROUP BY sender
     ) ORDER BY id`,
  );
  const bySender = database.prepare<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages
     WHERE sender = ? AND message_id = ? AND inbound = 1 AND readable IN (${SHOW.text}, ${SHOW.request})`,
  );
  const readUpTo = database.prepare<{ id: number }>("SELECT cursor AS id FROM read_marks WHERE sender = ?");
  const unreadOf = database.prepare<{ id: number; message_id: Uint8Array }>(
    `SELECT cursor AS id, message_id FROM messages INDEXED BY messages_by_sender_cursor
     WHERE sender = ? AND cursor > ? AND inbound = 1 AND readable = ${SHOW.text} ORDER BY cursor`,
  );
  const setReadUpTo = database.prepare(
    "INSERT INTO read_marks (sender, cursor) VALUES (?, ?) ON CONFLICT (sender) DO UPDATE SET cursor = excluded.cursor",
  );
  const update = database.prepare("UPDATE messages SET sealed = ? WHERE id = ?");
  const requested = database.prepare<MessageRow & { messages: number }>(
    `SELECT ${MESSAGE_COLUMNS}, count(*) AS messages FROM messages WHERE readable = ${SHOW.request} GROUP BY sender`,
  );
  const requestsOf = database.prepare<{ id: number }>(
    `SELECT id FROM messages WHERE readable = ${SHOW.request} AND sender = ? ORDER BY id`,
  );
  const show = database.prepare(
    `UPDATE messages SET readable = ${SHOW.text},
       cursor = iif(cursor IS NULL, NULL, (SELECT coalesce(max(cursor), 0) + 1 FROM messages)) WHERE id = ?`,
  );
  const newest = database.prepare<{ cursor: number }>("SELECT coalesce(max(cursor), 0) AS cursor FROM messages");
  const usage = database.prepare<{ messages: number; bytes: number }>(
    `SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes FROM messages WHERE sender = ?1 AND inbound = 1
     AND id > coalesce((SELECT id FROM usage_marks WHERE sender = ?1), 0)`,
  );
  const countAnew = database.prepare(
    `INSERT INTO usage_marks (sender, id) SELECT ?1, coalesce(max(id), 0) FROM messages WHERE true
     ON CONFLICT (sender) DO UPDATE SET id = excluded.id`,
  );
  return {
    hasEnvelope(device, envelopeId) {
      const row = byEnvelope.get(envelopeId);
      return row !== undefined && rows.inbound(row).device === device;
    },
    linkAt: (lane, seq) => linkAt.get(laneTag(lane), seq)?.link,
    hasMessage: (from, messageId) => hasMessage.get(sealer.tag("name", from), messageId) !== undefined,
    mark: (lane) => mark.get(laneTag(lane))?.high,
    keepProof(lane, seq, signed) {
      const tag = laneTag(lane);
      keepProof.run(sealer.seal("proofs", hex(tag), signed), seq, tag);
    },
    proof(lane) {
      const tag = laneTag(lane);
      const kept = proof.get(tag)?.proof;
      return kept == null ? undefined : sealer.open("proofs", hex(tag), kept);
    },
    marks: (device, limit) =>
      marks.all(deviceTag(device), limit).map((row) => {
        const { incarnation, conversation } = openLane(row);
        return { incarnation, conversation, seq: row.high };
      }),
    setMark(lane, seq) {
      const tag = laneTag(lane);
      const changedAt = changes.get()?.next ?? 1;
      setMark.run(tag, deviceTag(lane.device), seq, changedAt, lanes.seal(hex(tag), lane));
    },
    add(message, show, { expiresAtMs, bytes = message.body.length } = {}) {
      insert.run(
        message.envelopeId,
        message.messageId,
        rows.conversationTag(message.conversation),
        laneTag(message),
        sealer.tag("name", message.from),
        message.link,
        message.seq,
        message.receivedAtMs,
        bytes,
        SHOW[show],
        rows.seal(message.envelopeId, message),
        expiresAtMs ?? null,
      );
    },
    texts(messageId) {
      return byMessage.all(messageId).flatMap((row) => {
        const { from, kind } = rows.inbound(row);
        return kind === ENVELOPE_KINDS.text ? [{ from, ...rows.kept(row) }] : [];
      });
    },
    requests() {
      const found = requested.all().map((row) => ({ from: rows.inbound(row).from, messages: row.messages }));
      return found.toSorted((a, b) => (a.from < b.from ? -1 : 1));
    },
    accept(from) {
      for (const { id } of requestsOf.all(sealer.tag("name", from))) show.run(id);
    },
    takeUnread(from) {
      const tag = sealer.tag("name", from);
      const unread = unreadOf.all(tag, readUpTo.get(tag)?.id ?? 0);
      const last = unread.at(-1);
      if (last !== undefined) setReadUpTo.run(tag, last.id);
      return unread.map(({ message_id: messageId }) => messageId);
    },
    erase(from, messageId) {
      for (const row of bySender.all(sealer.tag("name", from), messageId)) {
        update.run(rows.sealWithout(row), row.id);
      }
    },
    nextHeld: (lane, after) => nextHeld.get(laneTag(lane), after)?.seq,
    lastHeld: (lane) => lastHeld.get(laneTag(lane))?.seq,
    release(lane, seq, gapBefore) {
      const row = release.get(gapBefore, laneTag(lane), seq);
      if (row === undefined) throw new ChatError("INTERNAL", "there is no such message to release");
      return row.seen === 1;
    },
    heldLanes: () => heldLanes.all().map(openLane),
    visibleAfter: (cursor, limit) => visibleAfter.all(cursor, limit).map((row) => rows.visible(row)),
    newestCursor: () => newest.get()?.cursor ?? 0,
    countAnew: (from) => void countAnew.run(sealer.tag("name", from)),
    usage: (from) => usage.get(sealer.tag("name", from)) ?? { messages: 0, bytes: 0 },
  };
}
