import type { Ahead, ChatEvent } from "../../messaging/operations/feed.ts";
import { type Place, type PlacedEvent, Places } from "./places.ts";

export type CommandQueueOptions = {
  /** How many commands run at a time. */
  readonly jobs: number;
  /** How often a message is tried again before it is given up. */
  readonly retries: number;
  /** Why it failed; undefined where it did not. Never throws. */
  readonly run: (event: ChatEvent) => Promise<string | undefined>;
  /** So many tries have failed: it counts as done. Never throws. */
  readonly givenUp: (event: PlacedEvent, tries: number, why: string) => void;
  /** What an earlier start has kept. */
  readonly ahead?: Ahead | undefined;
  /** @param cursor  up to where everything is done; 0 where nothing is */
  readonly acknowledge: (cursor: number, ahead: Ahead) => void | Promise<void>;
  /** The place could not be kept. */
  readonly failed: (error: unknown) => void;
  /** The answer cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
};

/** One person whose events all fail holds up the others by no less than this. */
const MAX_WAITING = 10_000;
const MAX_WAITING_CHARACTERS = 8 * 1024 * 1024;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;

type Entry = { readonly event: ChatEvent; readonly characters: number; readonly place: Place | undefined };
type Lane = { readonly key: string; readonly entries: Entry[] };

/**
 * Runs a command for each event: those about one person one after the other, in order, those about several at the same time.
 * A message whose command failed is tried again, and what that person wrote after it waits, until it is given up. What has
 * no cursor passes: it is tried once. The place moves past an event once that and all before it are done; what is done
 * behind it, and how often what was tried, is kept too.
 */
export class CommandQueue {
  readonly #options: CommandQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #waits = new Set<() => void>();
  readonly #places: Places;
  readonly #waiting = { events: 0, characters: 0 };
  #acknowledging: Promise<void> = Promise.resolve();
  #isKept = true;
  #changed = Promise.withResolvers<void>();
  #stopped = false;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
    this.#places = new Places(options.ahead);
  }

  /** Whether an earlier start has done it. */
  isDone(event: ChatEvent): boolean {
    return "cursor" in event && this.#places.isDone(event);
  }

  /** Resolves once there is room for another; at once when it was stopped. */
  async add(event: ChatEvent): Promise<void> {
    const place = "cursor" in event ? this.#places.add(event) : undefined;
    if (place?.done) return this.#keep();
    const lane = this.#laneOf(event);
    const characters = "text" in event ? event.text.length : 0;
    lane.entries.push({ event, characters, place });
    this.#waiting.events += 1;
    this.#waiting.characters += characters;
    if (lane.entries.length === 1) this.#ready.push(lane);
    this.#start();
    while (!this.#stopped && this.#isFull) await this.#changed.promise;
  }

  /** Begins nothing more; resolves once what runs has ended, and what was done is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#waits) cancel();
    this.#change();
    await Promise.all(this.#running);
    await this.#acknowledging;
  }

  get #isFull(): boolean {
    const { events, characters } = this.#waiting;
    return events >= MAX_WAITING || characters >= MAX_WAITING_CHARACTERS;
  }

  #laneOf(event: ChatEvent): Lane {
    const key = personOf(event);
    const lane = this.#lanes.get(key) ?? { key, entries: [] };
    this.#lanes.set(key, lane);
    return lane;
  }

  #start(): void {
    while (!this.#stopped && this.#running.size < this.#options.jobs) {
      const lane = this.#ready.shift();
      const entry = lane?.entries[0];
      if (lane === undefined || entry === undefined) return;
      const work = this.#runHead(lane, entry).finally(() => {
        this.#running.delete(work);
        this.#start();
      });
      this.#running.add(work);
    }
  }

  async #runHead(lane: Lane, { event, characters, place }: Entry): Promise<void> {
    const why = await this.#options.run(event);
    if (why !== undefined && place !== undefined && "cursor" in event) {
      // What ends because all ends comes again.
      if (this.#stopped) return;
      place.failures += 1;
      if (place.failures <= this.#options.retries) return this.#tryLater(lane, place);
      this.#options.givenUp(event, place.failures, why);
    }
    lane.entries.shift();
    if (lane.entries.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
    this.#waiting.events -= 1;
    this.#waiting.characters -= characters;
    this.#change();
    if (place === undefined) return;
    this.#places.finish(place);
    this.#keep();
  }

  #tryLater(lane: Lane, { failures }: Place): void {
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
    const cancel = this.#options.after(waitMs, () => {
      this.#waits.delete(cancel);
      this.#ready.push(lane);
      this.#start();
    });
    this.#waits.add(cancel);
    this.#keep();
  }

  /** One at a time: what changes meanwhile is kept together afterwards. */
  #keep(): void {
    this.#isKept = false;
    this.#acknowledging = this.#acknowledging
      .then(async () => {
        if (this.#isKept) return;
        this.#isKept = true;
        const { cursor, ahead } = this.#places.reached;
        await this.#options.acknowledge(cursor, ahead);
      })
      .catch((error) => this.#options.failed(error));
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** Whose events keep their order. */
function personOf(event: ChatEvent): string {
  if ("from" in event) return event.from;
  return "username" in event ? event.username : "";
}
