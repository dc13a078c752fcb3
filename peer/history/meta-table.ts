import type { Database } from "./database.ts";
import type { Sealer } from "./sealer.ts";

/** Single facts about this database, sealed. */
export interface MetaStore {
  get(name: string): Uint8Array | undefined;
  set(name: string, value: Uint8Array): void;
  delete(name: string): void;
}

export function metaTable(database: Database, sealer: Sealer): MetaStore {
  const find = database.prepare<{ sealed: Uint8Array }>("SELECT sealed FROM meta WHERE name = ?");
  const upsert = database.prepare(
    "INSERT INTO meta (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed",
  );
  const remove = database.prepare("DELETE FROM meta WHERE name = ?");
  return {
    delete: (name) => void remove.run(name),
    get(name) {
      const row = find.get(name);
      return row && sealer.open("meta", name, row.sealed);
    },
    set: (name, value) => void upsert.run(name, sealer.seal("meta", name, value)),
  };
}
