import { isChatError } from "../../shared/errors.ts";
import type { Expired, HistoryEntry, HistoryQuery, HistoryStore } from "../messaging/store/history.ts";
import type { OutboxStore } from "../messaging/store/outbox.ts";
import type { Database } from "./database.ts";
import { MESSAGE_COLUMNS, type MessageRow, messageRows, SHOW } from "./message-rows.ts";
import type { Sealer } from "./sealer.ts";

const PAGE = 256;
const NO_BYTES = new Uint8Array();

export function historyTable(
  database: Database,
  sealer: Sealer,
  outbox: Pick<OutboxStore, "stateOf" | "pathOf">,
): HistoryStore {
  const rows = messageRows(sealer);
  const insert = database.prepare(
    `INSERT INTO messages (key, message_id, inbound, conversation, seq, at, bytes, readable, sealed, expires_at)
     VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const find = database.prepare<MessageRow>(`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE key = ? AND inbound = 0`);
  const remove = database.prepare("DELETE FROM messages WHERE key = ? AND inbound = 0");
  const update = database.prepare("UPDATE messages SET sealed = ? WHERE id = ?");
  const expired = database.prepare<MessageRow>(`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE expires_at <= ?`);
  const anyDue = database.prepare("SELECT 1 FROM messages WHERE expires_at <= ? LIMIT 1");
  const hide = database.prepare(
    `UPDATE messages SET sealed = ?, readable = ${SHOW.nothing}, expires_at = NULL WHERE id = ?`,
  );
  const page = database.prepare<MessageRow>(
    `SELECT ${MESSAGE_COLUMNS} FROM messages
     WHERE conversation = ? AND id < ? AND readable = ${SHOW.text} AND (inbound = 0 OR cursor IS NOT NULL) AND at >= ? AND at < ?
       AND (expires_at IS NULL OR expires_at > ?)
     ORDER BY id DESC LIMIT ${PAGE}`,
  );
  const read = (row: MessageRow): HistoryEntry => {
    const place = row.id;
    if (row.inbound === 1) return { place, direction: "in", ...rows.visible(row) };
    const became = { state: outbox.stateOf(row.key), path: outbox.pathOf(row.key) };
    return { place, direction: "out", ...rows.own(row), ...became, expiresAtMs: row.expires_at ?? undefined };
  };
  const expiredOf = (row: MessageRow): Expired => {
    const { messageId, kind, ...message } = row.inbound === 1 ? rows.inbound(row) : rows.own(row);
    return { messageId, kind, own: row.inbound === 0, other: "to" in message ? message.to : message.from };
  };
  return {
    addOwn(message, show, expiresAtMs) {
      const { messageId, conversation, seq, acceptedAtMs, body } = message;
      const sealed = rows.seal(messageId, message);
      const place = [rows.conversationTag(conversation), seq, acceptedAtMs, body.length] as const;
      insert.run(messageId, messageId, ...place, SHOW[show], sealed, expiresAtMs ?? null);
    },
    findOwn(messageId) {
      const row = find.get(messageId);
      return row && { ...rows.own(row), ...rows.kept(row) };
    },
    removeOwn: (messageId) => void remove.run(messageId),
    eraseOwn(messageId) {
      const row = find.get(messageId);
      if (row !== undefined) update.run(rows.sealWithout(row), row.id);
    },
    isAnyDue: (nowMs) => anyDue.get(nowMs) !== undefined,
    expire(nowMs) {
      return expired.all(nowMs).flatMap((row) => {
        const gone = unlessDamaged(() => expiredOf(row));
        hide.run(gone === undefined ? NO_BYTES : rows.sealWithout(row), row.id);
        return gone ?? [];
      });
    },
    list(query) {
      const found: HistoryEntry[] = [];
      for (let before = query.olderThan ?? Number.MAX_SAFE_INTEGER; found.length < query.limit; ) {
        const tag = rows.conversationTag(query.conversation);
        const some = page.all(tag, before, query.sinceMs, query.beforeMs, query.nowMs);
        found.push(...some.map(read).filter((entry) => matches(entry, query)));
        before = some.at(-1)?.id ?? 0;
        if (some.length < PAGE) break;
      }
      return found.slice(0, query.limit).reverse();
    },
  };
}

/** What nobody can read any more need not be read to be forgotten, and holds up no other. */
function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isChatError(error, "STORE_CORRUPT")) throw error;
    return undefined;
  }
}

/** Texts are sealed, so searching means opening them. */
function matches({ text, content }: HistoryEntry, { search }: HistoryQuery): boolean {
  if (content === undefined) return false;
  return search === undefined || text.toLocaleLowerCase().includes(search.toLocaleLowerCase());
}
