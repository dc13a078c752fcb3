import type { DatabaseSync } from "node:sqlite";
import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import { sha256 } from "../../shared/hash.ts";
import { LIMITS } from "../../shared/protocol.ts";
import type { Username } from "../../shared/username.ts";
import { rateLimited } from "../rate-limiter.ts";
import { notListed } from "./refusals.ts";
import type { ClaimedKeyPackage, KeyPackageCount, KeyPackageUpload } from "./store.ts";

type LastResortColumns = { device: DeviceId; last_resort: Uint8Array | null };
type KeyPackageColumns = { hash: Uint8Array; key_package: Uint8Array };

/** Key packages in SQLite. Whatever writes is called within the transaction of its cause. */
export class SqliteKeyPackages {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync) {
    this.#statements = prepareStatements(database);
  }

  /** @throws ChatError KEY_PACKAGES_FULL, FORBIDDEN */
  add({ device, keyPackages, lastResort }: KeyPackageUpload): KeyPackageCount {
    this.#count(device);
    for (const keyPackage of keyPackages) {
      this.#statements.insertKeyPackage.run(device, sha256(keyPackage), keyPackage);
    }
    if (lastResort !== undefined) this.#statements.putLastResort.run(lastResort, device);
    const after = this.#count(device);
    if (after.count <= LIMITS.keyPackagesPerDevice) return after;
    throw new ChatError("KEY_PACKAGES_FULL", `a device keeps at most ${LIMITS.keyPackagesPerDevice} key packages`);
  }

  #count(device: DeviceId): KeyPackageCount {
    const counted = this.#statements.countKeyPackages.get(device);
    if (counted === undefined) throw notListed();
    return { count: Number(counted["count"]), lastResort: counted["last_resort"] === 1 };
  }

  /** One of each device; undefined for an unknown name. */
  claim(name: Username, at: number): readonly ClaimedKeyPackage[] | undefined {
    return this.#devicesOf(name)?.flatMap((row) => this.#take(row, at));
  }

  /** For one who may take no more for so long. @throws ChatError RATE_LIMITED where there is no last resort either */
  lastResorts(name: Username, waitSeconds: number): readonly ClaimedKeyPackage[] | undefined {
    const found = this.#devicesOf(name)?.flatMap(lastResortOf);
    if (found?.length === 0) throw rateLimited(waitSeconds, "too many key packages of one name");
    return found;
  }

  #devicesOf(name: Username): LastResortColumns[] | undefined {
    const rows = this.#statements.listLastResorts.all(name) as LastResortColumns[];
    return rows.length === 0 ? undefined : rows;
  }

  #take(row: LastResortColumns, at: number): ClaimedKeyPackage[] {
    const { device } = row;
    const taken = this.#statements.takeKeyPackage.get(device) as KeyPackageColumns | undefined;
    if (taken === undefined) return lastResortOf(row);
    this.#statements.insertClaimed.run(device, taken.hash, at);
    return [{ device, keyPackage: taken.key_package, lastResort: false }];
  }

  /** What is left for the first message are last resorts, until each device has brought new ones. */
  forgetOneTime(): void {
    this.#statements.forgetOneTime.run();
  }

  forget(claimedBefore: number): void {
    this.#statements.forgetClaims.run(claimedBefore);
  }
}

function lastResortOf({ device, last_resort: keyPackage }: LastResortColumns): ClaimedKeyPackage[] {
  return keyPackage === null ? [] : [{ device, keyPackage, lastResort: true }];
}

function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    insertKeyPackage: sql(
      `INSERT INTO key_packages (device, hash, key_package) SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM claimed_key_packages WHERE device = ?1 AND hash = ?2)
       ON CONFLICT DO NOTHING`,
    ),
    putLastResort: sql("UPDATE devices SET last_resort = ? WHERE device = ?"),
    countKeyPackages: sql(
      `SELECT last_resort IS NOT NULL AS last_resort, (SELECT count(*) FROM key_packages WHERE device = ?1) AS count
       FROM devices WHERE device = ?1`,
    ),
    listLastResorts: sql("SELECT device, last_resort FROM devices WHERE name = ? ORDER BY device"),
    takeKeyPackage: sql(
      `DELETE FROM key_packages WHERE id = (SELECT id FROM key_packages WHERE device = ? ORDER BY id LIMIT 1)
       RETURNING hash, key_package`,
    ),
    insertClaimed: sql("INSERT INTO claimed_key_packages (device, hash, claimed_at) VALUES (?, ?, ?)"),
    forgetOneTime: sql("DELETE FROM key_packages"),
    forgetClaims: sql("DELETE FROM claimed_key_packages WHERE claimed_at < ?"),
  };
}
