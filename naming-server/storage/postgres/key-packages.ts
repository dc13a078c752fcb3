import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { sha256 } from "../../../shared/hash.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { rateLimited } from "../../rate-limiter.ts";
import { notListed } from "../refusals.ts";
import type { ClaimedKeyPackage, Store } from "../store.ts";
import { tryDraw } from "./allowances.ts";
import type { Database, Query } from "./database.ts";

/** Locks the device's row too, so that uploads of one device come one after the other. */
const PUT_LAST_RESORT = {
  name: "put-last-resort",
  text: `
    UPDATE devices SET last_resort = coalesce($2, last_resort) WHERE device = $1
    RETURNING last_resort IS NOT NULL AS last_resort`,
};

/** One that was handed out keeps its row, so that it is not offered again. */
const INSERT = {
  name: "insert-key-packages",
  text: `
    INSERT INTO key_packages (device, hash, key_package)
    SELECT $1, given.hash, given.key_package
    FROM unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS given (hash, key_package, place) ORDER BY given.place
    ON CONFLICT DO NOTHING`,
};

const COUNT = {
  name: "count-key-packages",
  text: "SELECT count(*) AS count FROM key_packages WHERE device = $1 AND claimed_at IS NULL",
};

const LIST_DEVICES = {
  name: "list-last-resorts",
  text: "SELECT device, last_resort FROM devices WHERE name = $1 ORDER BY device",
};

const taking = (skip: string) => `
  WITH taken AS (
    SELECT id, key_package FROM key_packages
    WHERE device = $1 AND claimed_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE ${skip}
  ), marked AS (
    UPDATE key_packages SET claimed_at = $2, key_package = '' FROM taken WHERE key_packages.id = taken.id
  )
  SELECT key_package FROM taken`;

const TAKE_FREE = { name: "take-free-key-package", text: taking("SKIP LOCKED") };
/** What another transaction holds may yet be left, so before the last resort it is waited for. */
const TAKE = { name: "take-key-package", text: taking("") };

const FORGET_ONE_TIME = { name: "forget-one-time", text: "DELETE FROM key_packages WHERE claimed_at IS NULL" };

const FORGET_CLAIMED = { name: "forget-claimed", text: "DELETE FROM key_packages WHERE claimed_at < $1" };

type LastResort = { device: DeviceId; last_resort: Uint8Array | null };
type KeyPackages = Pick<Store, "addKeyPackages" | "claimKeyPackages">;

export function openKeyPackages(database: Database): KeyPackages {
  return {
    addKeyPackages: ({ device, keyPackages, lastResort }) =>
      database.transaction(async (query) => {
        const { rows } = await query<{ last_resort: boolean }>(PUT_LAST_RESORT, device, lastResort);
        const [put] = rows;
        if (put === undefined) throw notListed();
        await query(INSERT, device, keyPackages.map(sha256), keyPackages);
        const count = await countOf(query, device);
        if (count <= LIMITS.keyPackagesPerDevice) return { count, lastResort: put.last_resort };
        throw new ChatError("KEY_PACKAGES_FULL", `a device keeps at most ${LIMITS.keyPackagesPerDevice} key packages`);
      }),

    claimKeyPackages: (name, at, draw) =>
      database.transaction(async (query) => {
        const { rows } = await query<LastResort>(LIST_DEVICES, name);
        if (rows.length === 0) return undefined;
        const waitSeconds = draw === undefined ? 0 : await tryDraw(query, draw, at);
        if (waitSeconds > 0) return lastResorts(rows, waitSeconds);
        const claimed: ClaimedKeyPackage[] = [];
        for (const row of rows) claimed.push(...(await take(query, row, at)));
        return claimed;
      }),
  };
}

async function countOf(query: Query, device: DeviceId): Promise<number> {
  const { rows } = await query<{ count: number }>(COUNT, device);
  return rows[0]?.count ?? 0;
}

async function take(query: Query, row: LastResort, at: number): Promise<ClaimedKeyPackage[]> {
  const { device } = row;
  for (const statement of [TAKE_FREE, TAKE]) {
    const [taken] = (await query<{ key_package: Uint8Array }>(statement, device, at)).rows;
    if (taken !== undefined) return [{ device, keyPackage: taken.key_package, lastResort: false }];
  }
  return lastResortOf(row);
}

/** For one who may take no more for so long. @throws ChatError RATE_LIMITED where there is no last resort either */
function lastResorts(rows: readonly LastResort[], waitSeconds: number): ClaimedKeyPackage[] {
  const found = rows.flatMap(lastResortOf);
  if (found.length === 0) throw rateLimited(waitSeconds, "too many key packages of one name");
  return found;
}

function lastResortOf({ device, last_resort: keyPackage }: LastResort): ClaimedKeyPackage[] {
  return keyPackage === null ? [] : [{ device, keyPackage, lastResort: true }];
}

export async function forgetClaimed(query: Query, before: number): Promise<void> {
  await query(FORGET_CLAIMED, before);
}

/** What is left for the first message are last resorts, until each device has brought new ones. */
export async function forgetOneTime(query: Query): Promise<void> {
  await query(FORGET_ONE_TIME);
}
