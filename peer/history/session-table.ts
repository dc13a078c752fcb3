import { hex } from "../../shared/bytes.ts";
import type { SessionStore, StoredSession } from "../messaging/store/sessions.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { id_tag: Uint8Array; sealed: Uint8Array };

export function sessionTable(database: Database, sealer: Sealer): SessionStore {
  const sealed = sealedTable<StoredSession>(sealer, "sessions");
  const idTag = (id: Uint8Array) => sealer.tag("session", hex(id));
  const forDevice = database.prepare<Row>(
    "SELECT id_tag, sealed FROM sessions WHERE device = ? AND sealed IS NOT NULL ORDER BY id",
  );
  const upsert = database.prepare(
    `INSERT INTO sessions (id_tag, device, sealed) VALUES (?, ?, ?)
     ON CONFLICT (id_tag) DO UPDATE SET sealed = excluded.sealed WHERE sessions.sealed IS NOT NULL`,
  );
  const close = database.prepare("UPDATE sessions SET sealed = NULL WHERE id_tag = ?");
  const closeAll = database.prepare("UPDATE sessions SET sealed = NULL");
  const count = database.prepare<{ sessions: number }>("SELECT count(*) AS sessions FROM sessions WHERE device = ?");
  const known = database.prepare("SELECT 1 FROM sessions WHERE id_tag = ?");
  return {
    forDevice: (device) =>
      forDevice.all(sealer.tag("device", device)).map((row) => {
        const session = sealed.open(hex(row.id_tag), row.sealed);
        // Sessions of the first versions do not say.
        return { ...session, welcome: session.welcome ?? undefined, via: session.via ?? "lane" };
      }),
    save(session) {
      const tag = idTag(session.id);
      upsert.run(tag, sealer.tag("device", session.device), sealed.seal(hex(tag), session));
    },
    close: (id) => void close.run(idTag(id)),
    closeAll: () => void closeAll.run(),
    count: (device) => count.get(sealer.tag("device", device))?.sessions ?? 0,
    isKnown: (id) => known.get(idTag(id)) !== undefined,
  };
}
