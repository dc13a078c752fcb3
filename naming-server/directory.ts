import { encodeBase64url } from "../shared/base64url.ts";
import { utf8 } from "../shared/bytes.ts";
import type { DeviceId } from "../shared/device-id.ts";
import { sha256 } from "../shared/hash.ts";
import type { Username } from "../shared/username.ts";
import { BoundedMap } from "./bounded-map.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Place, TransparencyLog } from "./log/transparency-log.ts";
import { encodePlace } from "./routes/log.ts";
import type { Published, Store, StoredName } from "./storage/store.ts";

/** What is answered about a name, made once and then served from memory. */
export type Entry = {
  readonly devices: readonly DeviceId[];
  /** Changes with the record and with what of its devices lives; begins with the record's hash. */
  readonly etag: string;
  readonly body: string;
  /** When the first of the records in `body` expires. */
  readonly validUntilMs: number;
};

/**
 * Names as clients see them, in front of the store. Whoever writes a name tells the directory to `forget` it; what other
 * instances write, the store is asked about now and then.
 */
export class Directory {
  readonly #store: Store;
  readonly #log: Pick<TransparencyLog, "placeOf">;
  readonly #now: () => number;
  #entries = noEntries();
  #writes = 0;
  #foreignWrites = 0;
  #askedAtMs = Number.POSITIVE_INFINITY;

  constructor({ store, log, now }: { store: Store; log: Pick<TransparencyLog, "placeOf">; now: () => number }) {
    this.#store = store;
    this.#log = log;
    this.#now = now;
  }

  async find(name: Username): Promise<Entry | undefined> {
    const nowMs = this.#now();
    if (nowMs < this.#askedAtMs || nowMs >= this.#askedAtMs + SERVER_LIMITS.cacheMaxAgeMs) await this.#ask(nowMs);
    const cached = this.#entries.get(name);
    if (cached !== undefined && nowMs < cached.validUntilMs) return cached;
    const writes = this.#writes;
    const found = await this.#store.findName(name);
    if (found === undefined) return undefined;
    const entry = toEntry(name, found, await this.#log.placeOf(name, found), nowMs);
    if (writes === this.#writes) this.#entries.set(name, entry);
    return entry;
  }

  /** Forgets everything once another instance has written, or when the clock has gone back: addresses may live again. */
  async #ask(nowMs: number): Promise<void> {
    const wentBack = nowMs < this.#askedAtMs;
    const foreignWrites = await this.#store.foreignWrites();
    if (wentBack || foreignWrites !== this.#foreignWrites) {
      this.#writes += 1;
      this.#entries = noEntries();
    }
    this.#foreignWrites = foreignWrites;
    this.#askedAtMs = nowMs;
  }

  forget(name: Username): void {
    this.#writes += 1;
    this.#entries.delete(name);
  }
}

type Live = { readonly device: DeviceId; readonly record: string };

function toEntry(name: Username, { record, hash, devices }: StoredName, place: Place, nowMs: number): Entry {
  const addresses: Live[] = [];
  const mailboxes: Live[] = [];
  let validUntilMs = Number.POSITIVE_INFINITY;
  const keepLive = (list: Live[], device: DeviceId, published: Published | undefined) => {
    if (published === undefined || published.expires * 1000 <= nowMs) return;
    list.push({ device, record: published.record });
    validUntilMs = Math.min(validUntilMs, published.expires * 1000);
  };
  for (const { device, address, mailbox } of devices) {
    keepLive(addresses, device, address);
    keepLive(mailboxes, device, mailbox);
  }
  const body = JSON.stringify({ name, record, log: encodePlace(place), addresses, mailboxes });
  return {
    devices: devices.map(({ device }) => device),
    etag: etagOf(hash, [...addresses, ...mailboxes]),
    body,
    validUntilMs,
  };
}

function etagOf(hash: string, live: readonly Live[]): string {
  if (live.length === 0) return `"${hash}"`;
  const digest = sha256(utf8(live.map(({ record }) => record).join(" ")));
  return `"${hash}.${encodeBase64url(digest.subarray(0, 9))}"`;
}

function noEntries(): BoundedMap<Username, Entry> {
  return new BoundedMap(SERVER_LIMITS.cachedAnswerCharacters, ({ body }) => body.length);
}
