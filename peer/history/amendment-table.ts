import { hex } from "../../shared/bytes.ts";
import type { Amendment, AmendmentStore } from "../messaging/store/history.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { author: Uint8Array; kind: string; sealed: Uint8Array };

export function amendmentTable(database: Database, sealer: Sealer): AmendmentStore {
  const sealed = sealedTable<Amendment>(sealer, "amendments");
  const rowName = (target: Uint8Array, author: Uint8Array, kind: string) => `${hex(target)}/${hex(author)}/${kind}`;
  const find = database.prepare<Row>(
    "SELECT author, kind, sealed FROM amendments WHERE target = ? ORDER BY author, kind",
  );
  const upsert = database.prepare(
    `INSERT INTO amendments (target, author, kind, sealed) VALUES (?, ?, ?, ?)
     ON CONFLICT (target, author, kind) DO UPDATE SET sealed = excluded.sealed`,
  );
  const remove = database.prepare(
    "DELETE FROM amendments WHERE target = ?1 AND author = ?2 AND kind = coalesce(?3, kind)",
  );
  return {
    forget: (target, author, kind) => void remove.run(target, sealer.tag("name", author), kind ?? null),
    save(target, amendment) {
      const author = sealer.tag("name", amendment.author);
      const { kind } = amendment;
      upsert.run(target, author, kind, sealed.seal(rowName(target, author, kind), amendment));
    },
    of: (target) =>
      find.all(target).map(({ author, kind, sealed: bytes }) => sealed.open(rowName(target, author, kind), bytes)),
  };
}
