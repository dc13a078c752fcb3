import { hex } from "../../shared/bytes.ts";
import type { Amendment, AmendmentStore } from "../messaging/store/history.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { target: Uint8Array; author: Uint8Array; kind: string; sealed: Uint8Array };
type FormerRow = Omit<Row, "sealed"> & { n: number; change: Uint8Array; sealed: Uint8Array | null };

export function amendmentTable(database: Database, sealer: Sealer): AmendmentStore {
  const sealed = sealedTable<Amendment>(sealer, "amendments");
  const former = sealedTable<Amendment>(sealer, "former_words");
  const rowName = ({ target, author, kind }: Omit<Row, "sealed">) => `${hex(target)}/${hex(author)}/${kind}`;
  const find = database.prepare<Row>(
    "SELECT target, author, kind, sealed FROM amendments WHERE target = ? ORDER BY author, kind",
  );
  const findOne = database.prepare<Row>(
    "SELECT target, author, kind, sealed FROM amendments WHERE target = ? AND author = ? AND kind = ?",
  );
  const upsert = database.prepare(
    `INSERT INTO amendments (target, author, kind, sealed) VALUES (?, ?, ?, ?)
     ON CONFLICT (target, author, kind) DO UPDATE SET sealed = excluded.sealed`,
  );
  const remove = database.prepare(
    "DELETE FROM amendments WHERE target = ?1 AND author = ?2 AND kind = coalesce(?3, kind)",
  );
  const keep = database.prepare(
    "INSERT INTO former_words (change, target, author, kind, sealed) VALUES (?, ?, ?, ?, ?)",
  );
  const findFormer = database.prepare<FormerRow>("SELECT * FROM former_words WHERE change = ?");
  const findNext = database.prepare<FormerRow>(
    "SELECT * FROM former_words WHERE target = ? AND author = ? AND kind = ? AND n > ? ORDER BY n LIMIT 1",
  );
  const replace = database.prepare("UPDATE former_words SET sealed = ? WHERE n = ?");
  const settle = database.prepare("DELETE FROM former_words WHERE change = ?");
  const removeFormer = database.prepare(
    "DELETE FROM former_words WHERE target = ?1 AND author = ?2 AND kind = coalesce(?3, kind)",
  );
  const open = (row: Row) => sealed.open(rowName(row), row.sealed);
  const sealFormer = (change: Uint8Array, said: Amendment | undefined) =>
    said === undefined ? null : former.seal(hex(change), said);

  return {
    forget(target, author, kind) {
      const tag = sealer.tag("name", author);
      for (const statement of [remove, removeFormer]) statement.run(target, tag, kind ?? null);
    },
    save(target, amendment, change) {
      const { kind } = amendment;
      const place = { target, author: sealer.tag("name", amendment.author), kind };
      if (change !== undefined) {
        const before = findOne.get(target, place.author, kind);
        keep.run(change, target, place.author, kind, sealFormer(change, before && open(before)));
      }
      upsert.run(target, place.author, kind, sealed.seal(rowName(place), amendment));
    },
    takeBack(change) {
      const row = findFormer.get(change);
      if (row === undefined) return;
      const { target, author, kind, n } = row;
      const said = row.sealed === null ? undefined : former.open(hex(change), row.sealed);
      const next = findNext.get(target, author, kind, n);
      settle.run(change);
      if (next !== undefined) replace.run(sealFormer(next.change, said), next.n);
      else if (said === undefined) remove.run(target, author, kind);
      else upsert.run(target, author, kind, sealed.seal(rowName(row), said));
    },
    settle: (change) => void settle.run(change),
    of: (target) => find.all(target).map(open),
  };
}
