import type { Ahead, ChatEvent } from "../../messaging/operations/feed.ts";

export type PlacedEvent = Extract<ChatEvent, { readonly cursor: number }>;

/** An event that is not done yet, and how often it failed; or several, one behind the other, that are done. */
export type Place = {
  /** Of the last of them: all before it are acknowledged with it. */
  readonly cursor: number;
  /** Of the first and the last that is no gap: a gap has the cursor of what stands before it. */
  readonly run: readonly [first: number, last: number] | undefined;
  readonly isGap: boolean;
  done: boolean;
  failures: number;
};

/** What is kept of each kind; of more than this, some is done again after the next start. */
const AHEAD_MAX = 512;

/** Which of a consumer's events are done, also of those that an earlier start has done behind one that failed. */
export class Places {
  readonly #kept: Ahead;
  /** In the order of their events, from the first that is not done. */
  #places: Place[] = [];
  #cursor = 0;
  #newest = 0;

  constructor(kept: Ahead = { done: [], failed: [] }) {
    this.#kept = kept;
  }

  /** Whether it was done before this start. */
  isDone({ type, cursor }: PlacedEvent): boolean {
    // A gap at the end of a run may be another's; told twice, it does no harm.
    const isIn = type === "gap" ? isBefore : isUpTo;
    return this.#kept.done.some(([first, last]) => first <= cursor && isIn(cursor, last));
  }

  /** The next event. Its place is done where it was before. */
  add(event: PlacedEvent): Place {
    const { cursor, type } = event;
    const isGap = type === "gap";
    const failed = this.#kept.failed.find((one) => one.cursor === cursor && one.gap === isGap);
    const run = isGap ? undefined : ([cursor, cursor] as const);
    const place: Place = { cursor, run, isGap, done: false, failures: failed?.failures ?? 0 };
    this.#places.push(place);
    this.#newest = Math.max(this.#newest, cursor);
    if (this.isDone(event)) this.finish(place);
    return place;
  }

  finish(place: Place): void {
    place.done = true;
    this.#places = this.#places.reduce(joined, []);
    const [first] = this.#places;
    if (!first?.done) return;
    this.#cursor = first.cursor;
    this.#places.shift();
  }

  /** Up to where everything is done, 0 where nothing is, and what of the rest. */
  get reached(): { readonly cursor: number; readonly ahead: Ahead } {
    const runs = this.#places.flatMap(({ done, run }) => (done && run !== undefined ? [run] : []));
    const failed = this.#places.flatMap(({ done, failures, cursor, isGap: gap }) =>
      done || failures === 0 ? [] : [{ cursor, gap, failures }],
    );
    const ahead = {
      done: [...runs, ...this.#unseen()].slice(0, AHEAD_MAX),
      failed: [...failed, ...this.#kept.failed.filter(({ cursor }) => cursor > this.#newest)].slice(0, AHEAD_MAX),
    };
    return { cursor: this.#cursor, ahead };
  }

  /** What was done before of the events that did not come yet. */
  #unseen(): Ahead["done"] {
    const rest = this.#kept.done.filter(([, last]) => last > this.#newest);
    return rest.map(([first, last]) => [Math.max(first, this.#newest + 1), last]);
  }
}

const isBefore = (cursor: number, last: number) => cursor < last;
const isUpTo = (cursor: number, last: number) => cursor <= last;

/** What is done one behind the other becomes one. */
function joined(places: Place[], place: Place): Place[] {
  const before = places.at(-1);
  if (!before?.done || !place.done) {
    places.push(place);
    return places;
  }
  const { cursor, isGap, run } = place;
  const first = before.run?.[0] ?? run?.[0];
  const last = run?.[1] ?? before.run?.[1];
  const both = first === undefined || last === undefined ? undefined : ([first, last] as const);
  places[places.length - 1] = { cursor, isGap, run: both, done: true, failures: 0 };
  return places;
}
