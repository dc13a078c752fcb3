import type { Ahead } from "../messaging/operations/feed.ts";
import type { CursorStore } from "../messaging/store.ts";
import type { Database } from "./database.ts";

export function cursorTable(database: Database): CursorStore {
  const find = database.prepare<{ cursor: number; ahead: string | null }>(
    "SELECT cursor, ahead FROM cursors WHERE reader = ?",
  );
  const upsert = database.prepare(
    "INSERT INTO cursors (reader, cursor) VALUES (?, ?) ON CONFLICT (reader) DO UPDATE SET cursor = excluded.cursor",
  );
  const keep = database.prepare(
    `INSERT INTO cursors (reader, cursor, ahead) VALUES (?, ?, ?)
     ON CONFLICT (reader) DO UPDATE SET cursor = excluded.cursor, ahead = excluded.ahead`,
  );
  return {
    get: (reader) => find.get(reader)?.cursor,
    set(reader, cursor, ahead) {
      if (ahead === undefined) database.mark(() => upsert.run(reader, cursor).changes);
      else database.mark(() => keep.run(reader, cursor, isNothing(ahead) ? null : JSON.stringify(ahead)).changes);
    },
    ahead(reader) {
      const kept = find.get(reader)?.ahead;
      return kept == null ? undefined : (JSON.parse(kept) as Ahead);
    },
  };
}

function isNothing({ done, failed }: Ahead): boolean {
  return done.length === 0 && failed.length === 0;
}
