import { equalBytes } from "../../../shared/bytes.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { type NameRecord, parseNameRecord, verifySelfSigned, verifySuccession } from "../../../shared/name-record.ts";
import type { NamingServer } from "../ports/naming-server.ts";
import type { Runtime } from "../runtime.ts";
import type { Self } from "../self.ts";

const CHECK_EVERY_MS = 60 * 60_000;
const CHECK_AGAIN_MS = 60_000;

/** Every record of the own name, from the first on. */
export interface OwnRecords {
  all(): readonly string[];
  save(records: readonly string[]): void;
}

export type RecordKeeperDeps = {
  readonly self: Pick<Self, "username" | "identity">;
  readonly naming: Pick<NamingServer, "lookup" | "history" | "putRecord">;
  readonly records: OwnRecords;
  readonly runtime: Pick<Runtime, "monotonic">;
};

/**
 * Keeps the own name at the naming server: a server that was restored from an old backup gets again what it has lost, in
 * the very bytes that contacts have pinned.
 */
export class RecordKeeper {
  readonly #deps: RecordKeeperDeps;
  #dueAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: RecordKeeperDeps) {
    this.#deps = deps;
  }

  /**
   * Compares, now and every hour, what the server shows with what is kept here.
   *
   * @throws ChatError RECORD_CONFLICT where neither follows the other, KEY_CHANGED where the name is another's by now
   */
  async keep(signal: AbortSignal): Promise<void> {
    const nowMs = this.#deps.runtime.monotonic();
    if (nowMs < this.#dueAtMs) return;
    this.#dueAtMs = nowMs + CHECK_AGAIN_MS;
    await this.#compare(signal);
    this.#dueAtMs = nowMs + CHECK_EVERY_MS;
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const kept = this.#deps.records.all().map(parseNameRecord);
    const shown = await this.#findShown(kept.length > 0, signal);
    if (shown === undefined) return this.#putFromNewest(kept, signal);
    const { seq } = shown.payload;
    if (seq > kept.length) return this.#follow(kept, signal);
    if (kept[seq - 1]?.hash !== shown.hash) {
      throw new ChatError("RECORD_CONFLICT", "the naming server shows another record of this profile's name");
    }
    await this.#putAll(kept.slice(seq), signal);
  }

  /** Undefined where the server no longer lets this device in, as one that lost its record does. */
  async #findShown(mayBeLost: boolean, signal: AbortSignal): Promise<NameRecord | undefined> {
    const { naming, self } = this.#deps;
    try {
      return (await naming.lookup(self.username, signal)).record;
    } catch (error) {
      if (mayBeLost && isChatError(error, "TOKEN_INVALID", "NAME_UNKNOWN")) return undefined;
      throw error;
    }
  }

  /** Takes in what was published since, by another device or another life of this one. */
  async #follow(kept: readonly NameRecord[], signal: AbortSignal): Promise<void> {
    const { naming, self, records } = this.#deps;
    const newer = await naming.history(self.username, kept.length, signal);
    let newest = kept.at(-1);
    for (const record of newer) {
      await (newest === undefined ? verifySelfSigned(record) : verifySuccession(newest, record));
      newest = record;
    }
    if (newest === undefined || !equalBytes(newest.identity, self.identity)) {
      throw new ChatError("KEY_CHANGED", "the name belongs to another identity key by now");
    }
    records.save([...kept, ...newer].map(({ jws }) => jws.text));
  }

  /** The server cannot be asked what it has: it takes a record again, or one whose predecessor it has. */
  async #putFromNewest(kept: readonly NameRecord[], signal: AbortSignal): Promise<void> {
    const [first] = kept;
    for (let index = kept.length - 1; index >= 0; index -= 1) {
      try {
        return await this.#putAll(kept.slice(index), signal);
      } catch (error) {
        if (kept[index] === first || !isChatError(error, "RECORD_CONFLICT")) throw error;
      }
    }
  }

  async #putAll(records: readonly NameRecord[], signal: AbortSignal): Promise<void> {
    const { naming, self } = this.#deps;
    for (const { jws } of records) await naming.putRecord(self.username, jws.text, signal);
  }
}
