import { equalBytes, hex, utf8, utf8Text } from "../../shared/bytes.ts";
import type { RequestStore, SettingStore, Store } from "../messaging/store.ts";
import { amendmentTable } from "./amendment-table.ts";
import { contactTable } from "./contact-table.ts";
import { cursorTable } from "./cursor-table.ts";
import { type Database, openDatabase } from "./database.ts";
import { historyTable } from "./history-table.ts";
import { inboxTable } from "./inbox-table.ts";
import { keyPackageTable } from "./key-package-table.ts";
import { logTable } from "./log-table.ts";
import { mailboxTable } from "./mailbox-table.ts";
import { type MetaStore, metaTable } from "./meta-table.ts";
import { numberingTable } from "./numbering-table.ts";
import { outboxTable } from "./outbox-table.ts";
import { MIGRATIONS } from "./schema.ts";
import { createSealer, type Sealer } from "./sealer.ts";
import { sessionTable } from "./session-table.ts";
import { tokenTable } from "./token-table.ts";

export type OpenStore = Store & {
  readonly meta: MetaStore;
  /** Puts the reserve back when there is room. */
  restoreReserve(): void;
  close(): void;
};

/**
 * Opens `chat.db` of a profile.
 *
 * @param dataKey 32 secret bytes
 * @throws ChatError STORAGE, STORE_CORRUPT
 */
export function openStore(path: string, { dataKey, profileId }: { dataKey: Uint8Array; profileId: string }): OpenStore {
  const database = openDatabase(path, { migrations: MIGRATIONS });
  const sealer = createSealer(dataKey, profileId);
  const outbox = outboxTable(database, sealer);
  const meta = metaTable(database, sealer);
  return {
    transaction: (work) => database.transaction(work as () => never),
    mark: (work) => database.mark(work as () => never),
    contacts: contactTable(database, sealer),
    sessions: sessionTable(database, sealer),
    keyPackages: keyPackageTable(database, sealer),
    outbox,
    amendments: amendmentTable(database, sealer),
    numbering: numberingTable(database, sealer),
    inbox: inboxTable(database, sealer),
    history: historyTable(database, sealer, outbox),
    requests: requestTable(database, sealer),
    cursors: cursorTable(database),
    settings: settingsIn(meta),
    log: logTable(database, meta),
    mailbox: mailboxTable(database, { sealer, meta }),
    tokens: tokenTable(database, sealer),
    meta,
    restoreReserve: () => void database.restoreReserve(),
    close: () => database.close(),
  };
}

function settingsIn(meta: MetaStore): SettingStore {
  return {
    get(name) {
      const value = meta.get(`setting-${name}`);
      return value && utf8Text(value);
    },
    set: (name, value) => meta.set(`setting-${name}`, utf8(value)),
  };
}

function requestTable(database: Database, sealer: Sealer): RequestStore {
  const find = database.prepare<{ message_id: Uint8Array; said: Uint8Array | null }>(
    "SELECT message_id, said FROM requests WHERE key_tag = ?",
  );
  const insert = database.prepare("INSERT INTO requests (key_tag, message_id, said) VALUES (?, ?, ?)");
  const tagOf = (said: Uint8Array) => sealer.tag("request-said", hex(said));
  return {
    find(key, said) {
      const row = find.get(sealer.tag("request", key));
      if (row === undefined) return undefined;
      return { messageId: row.message_id, isSame: row.said === null ? undefined : equalBytes(row.said, tagOf(said)) };
    },
    save: (key, { messageId, said }) => void insert.run(sealer.tag("request", key), messageId, tagOf(said)),
  };
}
