import { signAddressRecord } from "../../../shared/address-record.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { retryAfterMs } from "../back-off.ts";
import type { NamingServer } from "../ports/naming-server.ts";
import type { SecureSessions } from "../ports/sessions.ts";
import type { Transport } from "../ports/transport.ts";
import type { Runtime } from "../runtime.ts";
import type { Self } from "../self.ts";
import type { Store } from "../store.ts";
import type { RecordKeeper } from "./own-record.ts";
import { RisingSequence } from "./rising-sequence.ts";

/** A device that crashed is off every list within a minute, the time to notice it included; renewed well before. */
const ADDRESS_LIFETIME_SECONDS = 55;
const RENEW_EVERY_MS = 20_000;
const RETRY_AFTER_MS = 5000;
/** Claimed key packages are made up for when this few are left. */
const LOW_WATER = 25;
const COUNT_EVERY_MS = 60 * 60_000;
/** A private half outlives its package's validity (90 days), in case a Welcome is still on its way. */
const KEEP_KEY_PACKAGES_MS = 120 * 24 * 60 * 60_000;
const ROTATE_LAST_RESORT_MS = 30 * 24 * 60 * 60_000;

export type PublisherDeps = {
  readonly self: Self;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly sessions: SecureSessions;
  readonly naming: NamingServer;
  readonly keeper: Pick<RecordKeeper, "keep">;
  /** The server's idea of the time, milliseconds since the Unix epoch. */
  readonly serverNow: () => number;
  /** No addresses are to be published. */
  readonly hidden: () => boolean;
  readonly failed: (error: unknown) => void;
};

/** Keeps this device findable: its addresses, and key packages for whoever writes first. */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #transport: Pick<Transport, "addresses">;
  readonly #stopping = new AbortController();
  #renewing: Promise<void> = Promise.resolve();
  #cancel: () => void = () => undefined;
  #countedAtMs = Number.NEGATIVE_INFINITY;
  readonly #sequence = new RisingSequence();
  /** The server may list the addresses, whatever its last answer was. */
  #isListed = false;
  #published = false;
  #keyPackages: number | null = null;
  /** How long the server asks to be left alone. */
  #waitMs = 0;

  constructor(deps: PublisherDeps, transport: Pick<Transport, "addresses">) {
    this.#deps = deps;
    this.#transport = transport;
    // A run before this one may have left some.
    this.#isListed = deps.hidden();
  }

  get published(): boolean {
    return this.#published;
  }

  /** The server may list the addresses, wanted or not. */
  get listed(): boolean {
    return this.#isListed;
  }

  get keyPackages(): number | null {
    return this.#keyPackages;
  }

  /** Publishes now and from then on; resolves after the first attempt, whatever came of it. */
  start(): Promise<void> {
    this.#renewing = this.#renew();
    return this.#renewing;
  }

  /** Publishes, or withdraws, at once: whether to hide has changed. Resolves after the first attempt. */
  refresh(): Promise<void> {
    this.#renewing = this.#renewing.then(() => this.#renew());
    return this.#renewing;
  }

  /** One key package was used: look soon whether more are needed. */
  keyPackageUsed(): void {
    this.#countedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Withdraws the addresses, after whatever was being published. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort(new ChatError("INTERRUPTED", "stopping"));
    this.#cancel();
    await this.#renewing;
    if (this.#isListed) await this.#deps.naming.withdrawAddresses(signal).catch(() => undefined);
  }

  async #renew(): Promise<void> {
    this.#cancel();
    // Addresses last: an access token corrects a wrong clock before they are signed for a time.
    this.#waitMs = 0;
    const kept = await this.#succeeds(() => this.#deps.keeper.keep(this.#stopping.signal));
    const counted = await this.#succeeds(() => this.#countKeyPackages());
    const hidden = this.#deps.hidden();
    const settled = await this.#succeeds(() => (hidden ? this.#withdrawAddresses() : this.#publishAddresses()));
    this.#published = settled && !hidden;
    if (this.#stopping.signal.aborted) return;
    const delayMs = kept && counted && settled ? RENEW_EVERY_MS : RETRY_AFTER_MS;
    this.#cancel = this.#deps.runtime.after(Math.max(delayMs, this.#waitMs), () => {
      this.#renewing = this.#renew();
    });
  }

  /** A server that takes the one may refuse the other. */
  async #succeeds(step: () => Promise<void>): Promise<boolean> {
    const { signal } = this.#stopping;
    try {
      signal.throwIfAborted();
      await step();
      return true;
    } catch (error) {
      if (!signal.aborted) this.#deps.failed(error);
      this.#waitMs = Math.max(this.#waitMs, retryAfterMs(error));
      return false;
    }
  }

  async #countKeyPackages(): Promise<void> {
    const nowMs = this.#deps.runtime.monotonic();
    if (nowMs - this.#countedAtMs <= COUNT_EVERY_MS) return;
    const before = this.#countedAtMs;
    this.#countedAtMs = nowMs;
    try {
      this.#keyPackages = await replenishKeyPackages(this.#deps, this.#stopping.signal);
    } catch (error) {
      this.#countedAtMs = before;
      throw error;
    }
  }

  async #withdrawAddresses(): Promise<void> {
    if (!this.#isListed) return;
    await this.#deps.naming.withdrawAddresses(this.#stopping.signal);
    this.#isListed = false;
  }

  async #publishAddresses(): Promise<void> {
    const { self, naming, serverNow } = this.#deps;
    const nowMs = serverNow();
    const record = await signAddressRecord(
      {
        name: self.username,
        device: self.device,
        addrs: this.#transport.addresses().slice(0, LIMITS.addressRecordMaxAddresses),
        seq: this.#sequence.next(nowMs),
        exp: Math.floor(nowMs / 1000) + ADDRESS_LIFETIME_SECONDS,
      },
      self.deviceKey,
    );
    this.#isListed = true;
    await naming.publishAddresses(record, this.#stopping.signal).catch((error) => {
      if (isChatError(error, "RECORD_CONFLICT")) this.#sequence.raise();
      throw error;
    });
  }
}

/**
 * Uploads key packages until the server holds its fill, and a last resort if it has none or the own one is old.
 * The private halves are on disk before the public ones leave.
 *
 * @returns how many the server holds now
 */
export async function replenishKeyPackages(
  deps: Omit<PublisherDeps, "keeper" | "hidden" | "failed">,
  signal?: AbortSignal,
): Promise<number> {
  const { naming, sessions, store, runtime, serverNow } = deps;
  const held = await naming.uploadKeyPackages({ keyPackages: [] }, signal);
  const nowMs = runtime.now();
  const last = store.keyPackages.lastResort();
  const needsLast = !held.lastResort || last === undefined || nowMs - last.createdAtMs > ROTATE_LAST_RESORT_MS;
  const missing = held.count < LOW_WATER ? LIMITS.keyPackagesPerDevice - held.count : 0;
  if (missing === 0 && !needsLast) return held.count;
  const made = await makeKeyPackages(sessions, missing, needsLast);
  store.transaction(() => {
    // Neither clock alone makes a package old: without its private half nobody new could write.
    store.keyPackages.deleteBefore(Math.min(nowMs, serverNow()) - KEEP_KEY_PACKAGES_MS);
    for (const { lastResort, ...keyPackage } of made) {
      store.keyPackages.save({ ...keyPackage, lastResort, createdAtMs: nowMs });
    }
  });
  const lastResort = made.find((one) => one.lastResort)?.publicPackage;
  const keyPackages = made.filter((one) => !one.lastResort).map(({ publicPackage }) => publicPackage);
  const answer = await naming.uploadKeyPackages({ keyPackages, ...(lastResort && { lastResort }) }, signal);
  return answer.count;
}

async function makeKeyPackages(sessions: SecureSessions, count: number, withLastResort: boolean) {
  const made = [];
  for (let index = 0; index < count; index += 1) {
    made.push({ lastResort: false, ...(await sessions.createKeyPackage({ lastResort: false })) });
  }
  if (withLastResort) made.push({ lastResort: true, ...(await sessions.createKeyPackage({ lastResort: true })) });
  return made;
}
