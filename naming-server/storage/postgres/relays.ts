import { mustRise, relaysFull } from "../refusals.ts";
import type { ListedRelay, Store } from "../store.ts";
import type { Database, Query } from "./database.ts";

const PUT = {
  name: "put-relay",
  text: `
    INSERT INTO relays (relay, seq, record, expires, kept_until)
    SELECT $1::text, $2::bigint, $3::text, $4::bigint, $5::bigint
    WHERE EXISTS (SELECT 1 FROM relays WHERE relay = $1)
      OR ($4 IS NOT NULL AND (SELECT count(*) FROM relays WHERE kept_until > $6) < $7)
    ON CONFLICT (relay) DO UPDATE SET seq = excluded.seq, record = excluded.record, expires = excluded.expires,
      kept_until = greatest(relays.kept_until, excluded.kept_until)
    WHERE relays.seq < excluded.seq`,
};

const FIND = { name: "find-relay", text: "SELECT record FROM relays WHERE relay = $1" };

const LIST = {
  name: "list-relays",
  text: "SELECT relay, record FROM relays WHERE expires > $1 ORDER BY relay LIMIT $2",
};

const FORGET = { name: "forget-relays", text: "DELETE FROM relays WHERE kept_until < $1" };

export function openRelays(database: Database): Pick<Store, "putRelay" | "listRelays"> {
  return {
    async putRelay({ relay, seq, expires, record, isWithdrawn, at }, max) {
      const values = [relay, seq, record, isWithdrawn ? null : expires, expires, at, max];
      if ((await database.query(PUT, ...values)).count > 0) return;
      const { rows } = await database.query<{ record: string }>(FIND, relay);
      const [current] = rows;
      if (current === undefined && !isWithdrawn) throw relaysFull();
      if (current !== undefined && current.record !== record) throw mustRise("a relay descriptor");
    },

    async listRelays(at, limit) {
      return (await database.query<ListedRelay>(LIST, at, limit)).rows;
    },
  };
}

export async function forgetRelays(query: Query, before: number): Promise<void> {
  await query(FORGET, before);
}
