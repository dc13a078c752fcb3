import type { ChatEvent } from "../../messaging/operations.ts";

export type CommandQueueOptions = {
  /** How many commands run at a time. */
  readonly jobs: number;
  /** False: the event is to be tried again. Never throws. */
  readonly run: (event: ChatEvent) => Promise<boolean>;
  readonly acknowledge: (cursor: number) => void | Promise<void>;
  /** The place could not be kept. */
  readonly failed: (error: unknown) => void;
  /** The answer cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
};

const MAX_OPEN = 256;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;

type Entry = { readonly event: ChatEvent; done: boolean };
type Lane = { readonly key: string; readonly entries: Entry[]; failures: number };

/**
 * Runs a command for each event: those about one person one after the other, in order, those about several at the same time.
 * A message whose command failed is tried again, and what that person wrote after it waits. What has no cursor passes: it
 * is tried once. The place moves past an event once that and all before it are done.
 */
export class CommandQueue {
  readonly #options: CommandQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #waits = new Set<() => void>();
  /** In the order of their cursors. */
  readonly #open: Entry[] = [];
  #acknowledging: Promise<void> = Promise.resolve();
  #changed = Promise.withResolvers<void>();
  #stopped = false;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  /** Resolves once there is room for another; at once when it was stopped. */
  async add(event: ChatEvent): Promise<void> {
    const entry = { event, done: false };
    const lane = this.#laneOf(event);
    lane.entries.push(entry);
    this.#open.push(entry);
    if (lane.entries.length === 1) this.#ready.push(lane);
    this.#start();
    while (!this.#stopped && this.#open.length >= MAX_OPEN) await this.#changed.promise;
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

  async #runHead(lane: Lane, entry: Entry): Promise<void> {
    const succeeded = await this.#options.run(entry.event);
    if (!succeeded && "cursor" in entry.event) return this.#tryLater(lane);
    lane.failures = 0;
    lane.entries.shift();
    if (lane.entries.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
    entry.done = true;
    this.#acknowledgeDone();
  }

  #tryLater(lane: Lane): void {
    if (this.#stopped) return;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** lane.failures, LONGEST_WAIT_MS);
    lane.failures += 1;
    const cancel = this.#options.after(waitMs, () => {
      this.#waits.delete(cancel);
      this.#ready.push(lane);
      this.#start();
    });
    this.#waits.add(cancel);
  }

  #acknowledgeDone(): void {
    let cursor: number | undefined;
    while (this.#open[0]?.done) {
      const event = this.#open.shift()?.event;
      if (event !== undefined && "cursor" in event) cursor = event.cursor;
    }
    this.#change();
    if (cursor === undefined) return;
    const place = cursor;
    this.#acknowledging = this.#acknowledging
      .then(() => this.#options.acknowledge(place))
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
