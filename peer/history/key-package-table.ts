import { hex } from "../../shared/bytes.ts";
import type { KeyPackageStore, StoredKeyPackage } from "../messaging/store/sessions.ts";
import type { Database } from "./database.ts";
import { sealedTable } from "./sealed-table.ts";
import type { Sealer } from "./sealer.ts";

type Row = { reference: Uint8Array; last_resort: number; created_at: number; sealed: Uint8Array };
type Halves = Pick<StoredKeyPackage, "publicPackage" | "privatePackage">;

export function keyPackageTable(database: Database, sealer: Sealer): KeyPackageStore {
  const sealed = sealedTable<Halves>(sealer, "key_packages");
  const read = (row: Row | undefined): StoredKeyPackage | undefined =>
    row && {
      reference: row.reference,
      lastResort: row.last_resort === 1,
      createdAtMs: row.created_at,
      ...sealed.open(hex(row.reference), row.sealed),
    };
  const columns = "SELECT reference, last_resort, created_at, sealed FROM key_packages";
  const find = database.prepare<Row>(`${columns} WHERE reference = ?`);
  const lastResort = database.prepare<Row>(`${columns} WHERE last_resort = 1 ORDER BY created_at DESC LIMIT 1`);
  const insert = database.prepare(
    "INSERT INTO key_packages (reference, last_resort, created_at, sealed) VALUES (?, ?, ?, ?)",
  );
  const remove = database.prepare("DELETE FROM key_packages WHERE reference = ?");
  const removeOld = database.prepare(
    `DELETE FROM key_packages WHERE created_at < ? AND reference IS NOT
       (SELECT reference FROM key_packages WHERE last_resort = 1 ORDER BY created_at DESC LIMIT 1)`,
  );
  const removeAll = database.prepare("DELETE FROM key_packages");
  return {
    find: (reference) => read(find.get(reference)),
    lastResort: () => read(lastResort.get()),
    save({ reference, lastResort: isLast, createdAtMs, publicPackage, privatePackage }) {
      const halves = sealed.seal(hex(reference), { publicPackage, privatePackage });
      insert.run(reference, isLast ? 1 : 0, createdAtMs, halves);
    },
    delete: (reference) => void remove.run(reference),
    deleteBefore: (createdAtMs) => void removeOld.run(createdAtMs),
    deleteAll: () => void removeAll.run(),
  };
}
