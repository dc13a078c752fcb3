import { SERVER_LIMITS } from "../limits.ts";
import type { Store, Transition } from "../storage/store.ts";
import { Overlap } from "./overlap.ts";
import { type Change, Roster } from "./roster.ts";

type Deps = {
  readonly store: Pick<Store, "expireAddresses" | "readPresence" | "listTransitions">;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds that only rise. */
  readonly monotonic: () => number;
};

/** Keeps a roster up to date with the store. Each method answers what it changed, and none runs beside another. */
export class PresenceReader {
  readonly roster = new Roster(SERVER_LIMITS.presenceOverlapMs);
  readonly #deps: Deps;
  #overlap: Overlap | undefined;
  #resyncAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** What was written since; a transition that comes late is left to `poll`. */
  async readNew(): Promise<Change[]> {
    const rows = await this.#rowsAfter(this.roster.newest);
    return this.roster.apply(rows, this.#deps.monotonic());
  }

  /** Finds who has gone without a word, what came late and, now and then, whatever else was missed. */
  async poll(): Promise<Change[]> {
    const { store, now, monotonic } = this.#deps;
    await store.expireAddresses(Math.floor(now() / 1000));
    const nowMs = monotonic();
    const isDue = nowMs >= this.#resyncAtMs;
    const changes = isDue ? await this.#resync(nowMs) : await this.#readAgain(nowMs);
    this.#overlap?.mark(this.roster.newest, nowMs);
    return changes;
  }

  async #readAgain(nowMs: number): Promise<Change[]> {
    const trusted = this.#overlap?.trusted(nowMs) ?? 0;
    const changes = this.roster.apply(await this.#rowsAfter(trusted), nowMs);
    this.roster.forget(SERVER_LIMITS.presenceRecentTransitions, trusted);
    return changes;
  }

  async #resync(nowMs: number): Promise<Change[]> {
    const presence = await this.#deps.store.readPresence();
    const oldest = Math.max(0, presence.newest - SERVER_LIMITS.presenceRecentTransitions);
    this.#overlap ??= new Overlap(SERVER_LIMITS.presenceOverlapMs, oldest);
    const rows = await this.#rowsAfter(this.#overlap.trusted(nowMs));
    this.#resyncAtMs = nowMs + SERVER_LIMITS.presenceResyncEveryMs;
    return this.roster.replace(presence, rows, nowMs);
  }

  async #rowsAfter(id: number): Promise<Transition[]> {
    const rows: Transition[] = [];
    for (let after = id; ; after = rows.at(-1)?.id ?? after) {
      const page = await this.#deps.store.listTransitions(after, SERVER_LIMITS.presencePageRows);
      rows.push(...page);
      if (page.length < SERVER_LIMITS.presencePageRows) return rows;
    }
  }
}
