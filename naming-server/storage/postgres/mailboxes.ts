import { mustRise, notListed } from "../refusals.ts";
import type { Store } from "../store.ts";
import type { Database, Query } from "./database.ts";
import { countWrite, type Writes } from "./writes.ts";

/** A look-up reads `mailbox_expires` alone where there is none, so `mailboxes` costs only those who have one. */
const PUT = {
  name: "put-mailbox",
  text: `
    WITH put AS (
      UPDATE devices SET mailbox_seq = $6, mailbox_expires = $9
      WHERE device = $5 AND name = $4 AND mailbox_seq < $6 RETURNING device
    ), saved AS (
      INSERT INTO mailboxes (device, record, expires) SELECT device, $7::text, $8::bigint FROM put
      ON CONFLICT (device) DO UPDATE SET record = excluded.record, expires = excluded.expires
    ), counted AS (${countWrite("put")})
    SELECT device FROM put`,
};

const FIND = {
  name: "find-mailbox",
  text: `
    SELECT m.record FROM devices d LEFT JOIN mailboxes m ON m.device = d.device WHERE d.device = $1 AND d.name = $2`,
};

const FORGET = {
  name: "forget-mailboxes",
  text: `
    WITH gone AS (DELETE FROM mailboxes WHERE expires < $1 RETURNING device)
    UPDATE devices SET mailbox_expires = NULL WHERE device IN (SELECT device FROM gone)`,
};

export function openMailboxes(database: Database, writes: Writes): Pick<Store, "putMailbox"> {
  return {
    async putMailbox({ name, device, seq, expires, record, isWithdrawn, at }) {
      const shownUntil = isWithdrawn ? null : expires;
      const values = [...writes.next(at), name, device, seq, record, expires, shownUntil];
      if ((await database.query(PUT, ...values)).count > 0) return;
      const { rows } = await database.query<{ record: string | null }>(FIND, device, name);
      const [current] = rows;
      if (current === undefined) throw notListed();
      if (current.record !== record) throw mustRise("a mailbox record");
    },
  };
}

export async function forgetMailboxes(query: Query, before: number): Promise<void> {
  await query(FORGET, before);
}
