import type { DeviceId } from "../../../shared/device-id.ts";
import type { Username } from "../../../shared/username.ts";
import { SERVER_LIMITS } from "../../limits.ts";
import { mustRise, notListed } from "../refusals.ts";
import type { Presence, Store, Transition } from "../store.ts";
import type { Database, Query } from "./database.ts";
import { countWrite, type Writes } from "./writes.ts";

/**
 * `online_since` is the sequence of the address record with which the device came: one that has this very sequence is the
 * first. Ids of transitions are drawn once the device's row is locked.
 */
const PUT = {
  name: "put-address",
  text: `
    WITH put AS (
      UPDATE devices SET address_seq = $6, address_record = $7, address_expires = $8,
        online_since = CASE WHEN $8 > $3::bigint THEN coalesce(online_since, $6) ELSE online_since END
      WHERE device = $5 AND name = $4 AND address_seq < $6 RETURNING name, device, online_since
    ), came AS (
      INSERT INTO presence (name, device, online, at) SELECT name, device, true, $3 FROM put WHERE online_since = $6
    ), counted AS (${countWrite("put")})
    SELECT name FROM put`,
};

const FIND = { name: "find-address", text: "SELECT address_record FROM devices WHERE device = $1 AND name = $2" };

const left = (which: string) => `
  WITH gone AS (
    UPDATE devices SET online_since = NULL WHERE online_since IS NOT NULL AND ${which} RETURNING name, device
  )
  INSERT INTO presence (name, device, online, at) SELECT name, device, false, $1::bigint FROM gone`;

const LEAVE = { name: "leave", text: left("device = $2") };
const LEAVE_ALL = { name: "leave-all", text: left("true") };
const WITHDRAW_ALL = {
  name: "withdraw-all",
  text: "UPDATE devices SET address_record = NULL, address_expires = NULL WHERE address_record IS NOT NULL",
};
const EXPIRE = { name: "expire-addresses", text: left("address_expires <= $1") };

const DELETE = {
  name: "delete-address",
  text: `
    WITH gone AS (
      UPDATE devices SET address_record = NULL, address_expires = NULL
      WHERE device = $4 AND address_record IS NOT NULL RETURNING name
    )
    ${countWrite("gone")}`,
};

/** What outlives that was published while the clock was ahead. */
const LIST_ONLINE = {
  name: "list-online",
  text: `
    SELECT name, device FROM devices
    WHERE address_expires > $1 AND address_expires <= $1 + ${SERVER_LIMITS.addressLongestLifeSeconds} ORDER BY name, device`,
};

const LIST_MARKED = {
  name: "list-marked",
  text: `
    SELECT name, device FROM devices
    WHERE online_since IS NOT NULL AND address_expires IS NOT NULL ORDER BY name, device`,
};

const NEWEST = { name: "newest-transition", text: "SELECT coalesce(max(id), 0) AS newest FROM presence" };

const LIST_TRANSITIONS = {
  name: "list-transitions",
  text: "SELECT id, name, device, online FROM presence WHERE id > $1 ORDER BY id LIMIT $2",
};

const FORGET_ADDRESSES = {
  name: "forget-addresses",
  text: "UPDATE devices SET address_record = NULL, address_expires = NULL WHERE address_expires < $1",
};

const FORGET_TRANSITIONS = { name: "forget-transitions", text: "DELETE FROM presence WHERE at < $1" };

type OnlineRow = { name: Username; device: DeviceId };

type Devices = Pick<
  Store,
  "putAddress" | "deleteAddress" | "listOnline" | "expireAddresses" | "readPresence" | "listTransitions"
>;

export function openDevices(database: Database, writes: Writes): Devices {
  return {
    async putAddress({ name, device, seq, expires, record, at }) {
      const { count } = await database.query(PUT, ...writes.next(at), name, device, seq, record, expires);
      if (count > 0) return;
      const { rows } = await database.query<{ address_record: string | null }>(FIND, device, name);
      const [current] = rows;
      if (current === undefined) throw notListed();
      if (current.address_record === record) return;
      throw mustRise("an address record");
    },

    deleteAddress: (device, at) =>
      database.transaction(async (query) => {
        await query(LEAVE, at, device);
        await query(DELETE, ...writes.next(at), device);
      }),

    async listOnline(at) {
      return (await database.query<OnlineRow>(LIST_ONLINE, at)).rows;
    },

    async expireAddresses(at) {
      return (await database.query(EXPIRE, at)).count;
    },

    async readPresence(): Promise<Presence> {
      const { rows } = await database.query<{ newest: number }>(NEWEST);
      const { rows: online } = await database.query<OnlineRow>(LIST_MARKED);
      return { newest: rows[0]?.newest ?? 0, online };
    },

    async listTransitions(after, limit) {
      return (await database.query<Transition>(LIST_TRANSITIONS, after, limit)).rows;
    },
  };
}

/** An address is not forgotten before its end was a transition. */
export async function forgetAddresses(query: Query, before: { addresses: number; transitions: number }): Promise<void> {
  await query(EXPIRE, before.addresses);
  await query(FORGET_ADDRESSES, before.addresses);
  await query(FORGET_TRANSITIONS, before.transitions);
}

/** Takes every device offline, as if each had withdrawn. */
export async function withdrawAll(query: Query, at: number): Promise<void> {
  await query(LEAVE_ALL, at);
  await query(WITHDRAW_ALL);
}
