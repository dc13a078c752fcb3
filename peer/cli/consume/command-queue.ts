import type { ChatEvent } from "../../messaging/operations/feed.ts";

export type CommandQueueOptions = {
  /** How many commands run at a time. */
  readonly jobs: number;
  /** How often a message is tried again before it is given up. */
  readonly retries: number;
  /** Why it failed; undefined where it did not. Never throws. */
  readonly run: (event: ChatEvent) => Promise<string | undefined>;
  /** So many tries have failed: it counts as done. Never throws. */
  readonly givenUp: (event: PlacedEvent, tries: number, why: string) => void;
  readonly acknowledge: (cursor: number) => void | Promise<void>;
  /** The place could not be kept. */
  readonly failed: (error: unknown) => void;
  /** The answer cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
};

export type PlacedEvent = Extract<ChatEvent, { readonly cursor: number }>;

const MAX_WAITING = 256;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;

/** What is not done yet, or the last of several, one behind the other, that are. */
type Place = { readonly cursor: number; done: boolean };
type Entry = { readonly event: ChatEvent; readonly place: Place | undefined };
type Lane = { readonly key: string; readonly entries: Entry[]; failures: number };

/**
 * Runs a command for each event: those about one person one after the other, in order, those about several at the same time.
 * A message whose command failed is tried again, and what that person wrote after it waits, until it is given up. What has
 * no cursor passes: it is tried once. The place moves past an event once that and all before it are done.
 */
export class CommandQueue {
  readonly #options: CommandQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #waits = new Set<() => void>();
  /** In the order of their cursors. No longer for what was done behind a message that fails. */
  #places: Place[] = [];
  #waiting = 0;
  #acknowledging: Promise<void> = Promise.resolve();
  #changed = Promise.withResolvers<void>();
  #stopped = false;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  /** Resolves once there is room for another; at once when it was stopped. */
  async add(event: ChatEvent): Promise<void> {
    const place = "cursor" in event ? { cursor: event.cursor, done: false } : undefined;
    const lane = this.#laneOf(event);
    lane.entries.push({ event, place });
    if (place !== undefined) this.#places.push(place);
    this.#waiting += 1;
    if (lane.entries.length === 1) this.#ready.push(lane);
    this.#start();
    while (!this.#stopped && this.#waiting >= MAX_WAITING) await this.#changed.promise;
  }

  /** Begins nothing more; resolves once what runs has ended, and what was done is acknowledged. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#waits) cancel();
    this.#change();
    await Promise.all(this.#running);
    await this.#acknowledging;
  }

  #laneOf(event: ChatEvent): Lane {
    const key = personOf(event);
    const lane = this.#lanes.get(key) ?? { key, entries: [], failures: 0 };
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

  async #runHead(lane: Lane, { event, place }: Entry): Promise<void> {
    const why = await this.#options.run(event);
    if (why !== undefined && "cursor" in event) {
      // What ends because all ends comes again.
      if (this.#stopped) return;
      if (lane.failures < this.#options.retries) return this.#tryLater(lane);
      this.#options.givenUp(event, lane.failures + 1, why);
    }
    lane.failures = 0;
    lane.entries.shift();
    if (lane.entries.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
    this.#waiting -= 1;
    this.#change();
    if (place !== undefined) this.#acknowledgeDone(place);
  }

  #tryLater(lane: Lane): void {
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** lane.failures, LONGEST_WAIT_MS);
    lane.failures += 1;
    const cancel = this.#options.after(waitMs, () => {
      this.#waits.delete(cancel);
      this.#ready.push(lane);
      this.#start();
    });
    this.#waits.add(cancel);
  }

  #acknowledgeDone(place: Place): void {
    place.done = true;
    this.#places = this.#places.filter(({ done }, index) => !(done && this.#places[index + 1]?.done));
    const [first] = this.#places;
    if (!first?.done) return;
    this.#places.shift();
    this.#acknowledging = this.#acknowledging
      .then(() => this.#options.acknowledge(first.cursor))
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
