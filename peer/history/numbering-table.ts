import { hex } from "../../shared/bytes.ts";
import type { NumberingStore } from "../messaging/store/outbox.ts";
import type { Database } from "./database.ts";
import type { Sealer } from "./sealer.ts";

export function numberingTable(database: Database, sealer: Sealer): NumberingStore {
  const tagOf = (conversation: Uint8Array) => sealer.tag("conversation", hex(conversation));
  const next = database.prepare<{ last: number }>(
    `INSERT INTO numbering (conversation, last) VALUES (?, 1)
     ON CONFLICT (conversation) DO UPDATE SET last = last + 1 RETURNING last`,
  );
  const last = database.prepare<{ last: number }>("SELECT last FROM numbering WHERE conversation = ?");
  const lastLink = database.prepare<{ link: Uint8Array }>(
    "SELECT link FROM links WHERE conversation = ? AND device = ?",
  );
  const setLastLink = database.prepare(
    `INSERT INTO links (conversation, device, link) VALUES (?, ?, ?)
     ON CONFLICT (conversation, device) DO UPDATE SET link = excluded.link`,
  );
  const forgetNumbers = database.prepare("DELETE FROM numbering");
  const forgetLinks = database.prepare("DELETE FROM links");
  return {
    next: (conversation) => next.get(tagOf(conversation))?.last ?? 1,
    last: (conversation) => last.get(tagOf(conversation))?.last ?? 0,
    lastLink: (conversation, device) => lastLink.get(tagOf(conversation), sealer.tag("device", device))?.link ?? null,
    setLastLink: (conversation, device, link) =>
      void setLastLink.run(tagOf(conversation), sealer.tag("device", device), link),
    restart() {
      forgetNumbers.run();
      forgetLinks.run();
    },
  };
}
