import type { Response } from "express";
import type { Logger } from "pino";
import { asChatError, ChatError } from "../../shared/errors.ts";
import type { SignedIn } from "../access-tokens.ts";
import { assertListed } from "../authentication.ts";
import type { Directory } from "../directory.ts";
import { SERVER_LIMITS } from "../limits.ts";
import { startStream } from "../reply.ts";
import type { Store } from "../storage/store.ts";
import { EVENT_STREAM, encodeEvent, encodeRetry, HEARTBEAT } from "./event-stream.ts";
import { PresenceReader } from "./reader.ts";
import type { Change } from "./roster.ts";
import { type Watcher, Watchers } from "./watchers.ts";

type Deps = {
  readonly store: Store;
  readonly directory: Pick<Directory, "find">;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Milliseconds that only rise. */
  readonly monotonic: () => number;
  readonly logger: Pick<Logger, "error">;
  /** How many may watch at once. */
  readonly capacity: number;
  readonly timing?: PresenceTiming;
};

export type PresenceTiming = {
  readonly pollMs: number;
  /** Every watcher gets the whole list this often, in one of so many phases. */
  readonly listEveryMs: number;
  readonly phases: number;
};

const TIMING: PresenceTiming = {
  pollMs: SERVER_LIMITS.presencePollMs,
  listEveryMs: SERVER_LIMITS.presenceListEveryMs,
  phases: SERVER_LIMITS.presencePhases,
};

const RETRY = encodeRetry(SERVER_LIMITS.watcherRetryMs);

/**
 * Tells watchers who comes and goes, whichever instance took the write: the store is read right after each write of this
 * instance, and now and then. Nothing is done until somebody watches for the first time.
 */
export class PresenceFeed {
  readonly #deps: Deps;
  readonly #timing: PresenceTiming;
  readonly #watchers: Watchers;
  readonly #reader: PresenceReader;
  #started: Promise<void> | undefined;
  /** One thing at a time. */
  #turn: Promise<void> = Promise.resolve();
  #timers: NodeJS.Timeout[] = [];
  #isPollWaiting = false;
  #poke: NodeJS.Timeout | undefined;
  #list: Buffer | undefined;
  #phase = 0;
  #quietUntilMs = 0;
  /** The store could not be read of late: nothing is known for sure. */
  #isBlind = false;
  #isStopped = false;

  constructor(deps: Deps) {
    const { store, now, monotonic, capacity, timing = TIMING } = deps;
    this.#deps = deps;
    this.#timing = timing;
    this.#watchers = new Watchers({ capacity, phases: timing.phases });
    this.#reader = new PresenceReader({ store, now, monotonic });
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /**
   * Answers with the stream of events: first the changes since event `lastEventId` where these are known, or the whole
   * list.
   *
   * @throws ChatError SERVER_BUSY, and as the store
   */
  async watch(res: Response, caller: SignedIn, lastEventId: number | undefined): Promise<void> {
    this.#assertRunning();
    await this.#start();
    this.#assertRunning();
    if (res.destroyed) return;
    this.#watchers.admit(res, caller);
    startStream(res, EVENT_STREAM);
    const changes = lastEventId === undefined ? undefined : this.#reader.roster.changesSince(lastEventId);
    res.write(Buffer.concat([RETRY, changes === undefined ? this.#wholeList() : this.#encode(changes)]));
  }

  /** Something was written that may have changed who is online. */
  poke(): void {
    if (this.#started === undefined || this.#poke !== undefined || this.#isStopped) return;
    const delayMs = Math.max(SERVER_LIMITS.presenceCoalesceMs, this.#quietUntilMs - this.#deps.monotonic());
    this.#poke = setTimeout(() => {
      this.#poke = undefined;
      this.#next(() => this.#reader.readNew());
    }, delayMs);
  }

  /** Says farewell to every watcher. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#poke);
    for (const timer of this.#timers) clearInterval(timer);
    await this.#turn;
    this.#watchers.endAll("stopping");
  }

  #assertRunning(): void {
    if (this.#isStopped) throw new ChatError("SERVER_BUSY", "the server is stopping");
  }

  #start(): Promise<void> {
    this.#started ??= this.#begin().catch((error: unknown) => {
      this.#started = undefined;
      throw error;
    });
    return this.#started;
  }

  async #begin(): Promise<void> {
    await this.#reader.poll();
    if (this.#isStopped) return;
    const { pollMs, listEveryMs, phases } = this.#timing;
    this.#timers = [setInterval(() => this.#tick(), listEveryMs / phases), setInterval(() => this.#poll(), pollMs)];
  }

  /** One that waits for its turn stands for those that come meanwhile: a store may hang for longer than a tick. */
  #poll(): void {
    if (this.#isPollWaiting) return;
    this.#isPollWaiting = true;
    this.#next(() => {
      this.#isPollWaiting = false;
      return this.#reader.poll();
    });
  }

  #next(read: () => Promise<Change[]>): void {
    this.#turn = this.#turn.then(async () => {
      try {
        if (!this.#isStopped) await this.#tell(await read());
        this.#isBlind = false;
      } catch (error) {
        if (!this.#isBlind) this.#deps.logger.error({ code: asChatError(error).code }, "presence cannot be read");
        this.#isBlind = true;
      }
    });
  }

  /** The more there are to tell, the longer the pause before the next changes, which then go together. */
  async #tell(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    this.#list = undefined;
    await this.#watchers.broadcast(this.#encode(changes));
    this.#quietUntilMs = this.#deps.monotonic() + this.#watchers.size * SERVER_LIMITS.presencePauseMsPerWatcher;
  }

  #encode(changes: readonly Change[]): Buffer {
    return encodeEvent("changes", { changes }, this.#reader.roster.newest);
  }

  #wholeList(): Buffer {
    const { roster } = this.#reader;
    this.#list ??= encodeEvent("list", { online: roster.list() }, roster.newest);
    return this.#list;
  }

  #tick(): void {
    this.#phase += 1;
    const round = Math.floor(this.#phase / this.#timing.phases);
    const isChecked = round % SERVER_LIMITS.watcherCheckEveryRounds === 0;
    for (const watcher of this.#watchers.inPhase(this.#phase)) {
      if (watcher.caller.expires * 1000 <= this.#deps.now()) this.#watchers.end(watcher, "token");
      else this.#watchers.write(watcher, this.#isBlind ? HEARTBEAT : this.#wholeList());
      if (isChecked) void this.#check(watcher);
    }
  }

  /** A store that fails says nothing against the watcher. */
  async #check(watcher: Watcher): Promise<void> {
    try {
      await assertListed(watcher.caller, this.#deps.directory);
    } catch (error) {
      if (asChatError(error).code === "TOKEN_INVALID") this.#watchers.end(watcher, "device");
    }
  }
}
