export type MovedTable = {
  readonly table: string;
  /** What SQLite says of it, in the order in which it is to be written. */
  readonly select: string;
  readonly columns: Readonly<Record<string, "text" | "bigint" | "bytea">>;
};

/**
 * What moves from SQLite to PostgreSQL: all but the transitions of presence, which are a matter of minutes. Used
 * assertions and claimed key packages do move, else both could be used again.
 */
export const MOVED_TABLES: readonly MovedTable[] = [
  {
    table: "names",
    select: "SELECT name, skeleton, identity, seq, hash FROM names",
    columns: { name: "text", skeleton: "text", identity: "text", seq: "bigint", hash: "text" },
  },
  {
    table: "records",
    select: "SELECT name, seq, hash, record, accepted_at, log_index FROM records ORDER BY log_index",
    columns: {
      name: "text",
      seq: "bigint",
      hash: "text",
      record: "text",
      accepted_at: "bigint",
      log_index: "bigint",
    },
  },
  {
    table: "devices",
    select: `
      SELECT device, name, address_seq, address_record, address_expires,
        CASE WHEN online = 1 THEN address_seq END AS online_since, last_resort,
        mailbox_seq, mailbox_expires FROM devices`,
    columns: {
      device: "text",
      name: "text",
      address_seq: "bigint",
      address_record: "text",
      address_expires: "bigint",
      online_since: "bigint",
      last_resort: "bytea",
      mailbox_seq: "bigint",
      mailbox_expires: "bigint",
    },
  },
  {
    table: "mailboxes",
    select: "SELECT device, record, expires FROM mailboxes",
    columns: { device: "text", record: "text", expires: "bigint" },
  },
  {
    table: "relays",
    select: "SELECT relay, seq, record, expires, kept_until FROM relays",
    columns: { relay: "text", seq: "bigint", record: "text", expires: "bigint", kept_until: "bigint" },
  },
  {
    table: "key_packages",
    select: `
      SELECT device, hash, key_package, NULL AS claimed_at, id FROM key_packages UNION ALL
      SELECT device, hash, x'' AS key_package, claimed_at, 0 AS id FROM claimed_key_packages ORDER BY id`,
    columns: { device: "text", hash: "bytea", key_package: "bytea", claimed_at: "bigint" },
  },
  {
    table: "assertions",
    select: "SELECT sub, jti, expires FROM assertions",
    columns: { sub: "text", jti: "text", expires: "bigint" },
  },
  {
    table: "signing_keys",
    select: "SELECT generation, seed, active_from FROM signing_keys",
    columns: { generation: "bigint", seed: "bytea", active_from: "bigint" },
  },
  {
    table: "allowances",
    select: "SELECT kind, subject, full_at FROM allowances",
    columns: { kind: "text", subject: "text", full_at: "bigint" },
  },
  {
    table: "invites",
    select: "SELECT hash, uses, expires FROM invites",
    columns: { hash: "bytea", uses: "bigint", expires: "bigint" },
  },
  {
    table: "restoration",
    select: "SELECT id, since, until FROM restoration",
    columns: { id: "bigint", since: "bigint", until: "bigint" },
  },
];
