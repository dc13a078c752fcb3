import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Place, type PlacedEvent, Places } from "../../../../peer/cli/consume/places.ts";
import type { Ahead } from "../../../../peer/messaging/operations/feed.ts";
import { MESSAGE } from "../../../support/fake-operations.ts";

const message = (cursor: number): PlacedEvent => ({ type: "message", ...MESSAGE, cursor });
const gap = (cursor: number): PlacedEvent => ({ type: "gap", from: "bob", fromSeq: 1, toSeq: 2, cursor });
const NOTHING: Ahead = { done: [], failed: [] };

function begin(ahead: Ahead | undefined, events: readonly PlacedEvent[]) {
  const places = new Places(ahead);
  return { places, all: events.map((event) => places.add(event)) };
}

describe("the places of events", () => {
  test("are behind once they and all before them are done", () => {
    const { places, all } = begin(undefined, [message(3), message(5), message(8)]);
    expect(places.reached).toEqual({ cursor: 0, ahead: NOTHING });
    places.finish(all[1] as Place);
    places.finish(all[2] as Place);
    expect(places.reached).toEqual({ cursor: 0, ahead: { done: [[5, 8]], failed: [] } });
    places.finish(all[0] as Place);
    expect(places.reached).toEqual({ cursor: 8, ahead: NOTHING });
  });

  test("keep what was done before of events that have not come yet", () => {
    const kept: Ahead = {
      done: [
        [5, 8],
        [11, 20],
      ],
      failed: [{ cursor: 30, gap: false, failures: 2 }],
    };
    const { places, all } = begin(kept, [message(4), message(5), message(7)]);
    const failed = [{ cursor: 30, gap: false, failures: 2 }];
    expect(places.reached).toEqual({
      cursor: 0,
      ahead: {
        done: [
          [5, 7],
          [8, 8],
          [11, 20],
        ],
        failed,
      },
    });
    places.finish(all[0] as Place);
    expect(places.reached).toEqual({
      cursor: 7,
      ahead: {
        done: [
          [8, 8],
          [11, 20],
        ],
        failed,
      },
    });
  });

  test("of a gap and of the message before it, which have one cursor, are told apart", () => {
    const events = [message(4), message(5), gap(5), message(6)];
    const { places, all } = begin(undefined, events);
    for (const index of [2, 3]) places.finish(all[index] as Place);
    const other = all[1] as Place;
    other.failures = 1;
    const { ahead } = places.reached;
    expect(ahead).toEqual({ done: [[6, 6]], failed: [{ cursor: 5, gap: false, failures: 1 }] });
    const again = begin(ahead, events);
    expect(again.all.map(({ done, failures }) => [done, failures])).toEqual([
      [false, 0],
      [false, 1],
      [false, 0],
      [true, 0],
    ]);
  });

  test("are kept in a bounded number", () => {
    const { places, all } = begin(
      undefined,
      Array.from({ length: 3000 }, (_, index) => message(index + 1)),
    );
    for (const [index, place] of all.entries()) {
      if (index % 2 === 1) places.finish(place);
      else place.failures = 1;
    }
    const { done, failed } = places.reached.ahead;
    expect([done.length, failed.length, done.at(-1)]).toEqual([512, 512, [1024, 1024]]);
  });

  test("lose nothing, and repeat nothing but gaps, over any number of starts", () => {
    // Cursors as the feed gives them out: a gap has that of what stands before it, or one that is nobody's.
    const feed = fc.array(fc.constantFrom("message", "gap before", "gap alone"), { maxLength: 12 }).map((kinds) =>
      kinds.flatMap((kind, index) => {
        if (kind === "gap alone") return [gap(index + 1)];
        return kind === "message" ? [message(index + 1)] : [gap(index), message(index + 1)];
      }),
    );
    const starts = fc.array(fc.array(fc.nat({ max: 30 }), { maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(feed, starts, fc.nat({ max: 30 }), (events, orders, readUpTo) => {
        const done = new Set<PlacedEvent>();
        let [cursor, ahead]: [number, Ahead] = [0, NOTHING];
        for (const order of orders) {
          // What a place passes comes no more; a gap before a message that is left comes with it.
          const rest = events.filter((event, index) => {
            const next = events[index + 1];
            const goesWithNext = event.type === "gap" && next !== undefined && next.cursor === event.cursor + 1;
            return (goesWithNext ? event.cursor + 1 : event.cursor) > cursor;
          });
          const read = rest.slice(0, readUpTo);
          const { places, all } = begin(ahead, read);
          for (const [index, place] of all.entries()) {
            const event = read[index] as PlacedEvent;
            if (place.done) expect(done).toContain(event);
            else if (event.type !== "gap") expect(done).not.toContain(event);
          }
          for (const index of order) {
            const [place, event] = [all[index], read[index]];
            if (place === undefined || event === undefined || place.done) continue;
            places.finish(place);
            done.add(event);
          }
          const reached = places.reached;
          cursor = Math.max(cursor, reached.cursor);
          ahead = reached.ahead;
        }
        for (const event of events) if (event.type !== "gap" && event.cursor <= cursor) expect(done).toContain(event);
      }),
    );
  });
});
