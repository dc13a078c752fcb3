import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Roster } from "../../../naming-server/presence/roster.ts";
import type { Presence, Transition } from "../../../naming-server/storage/store.ts";
import { personOf } from "../../support/people.ts";

const OVERLAP_MS = 100;
const PEOPLE = ["alice", "bob", "carol"].map((name) => personOf(name));
const [alice, bob] = PEOPLE as [ReturnType<typeof personOf>, ReturnType<typeof personOf>];

const row = (id: number, { username: name, device }: typeof alice, online: boolean): Transition => {
  return { id, name, device, online };
};
const came = (id: number, person: typeof alice) => row(id, person, true);
const left = (id: number, person: typeof alice) => row(id, person, false);
const names = (roster: Roster) => roster.list().map(({ name }) => name);
const words = (changes: ReturnType<Roster["apply"]> | undefined) =>
  changes?.map(({ name, online }) => `${online ? "+" : "-"}${name}`);
const nobody: Presence = { newest: 0, online: [] };

describe("a roster", () => {
  test("lists devices by name, in order", () => {
    const roster = new Roster(OVERLAP_MS);
    const second = personOf("alice", { device: "second" });
    roster.apply([came(1, bob), came(2, alice), came(3, second)], 0);
    expect(roster.list()).toEqual([
      { name: "alice", devices: [alice.device, second.device].sort() },
      { name: "bob", devices: [bob.device] },
    ]);
  });

  test("tells of a change once, though it is read again", () => {
    const roster = new Roster(OVERLAP_MS);
    expect(words(roster.apply([came(1, alice)], 0))).toEqual(["+alice"]);
    expect(words(roster.apply([came(1, alice), came(2, bob)], 1))).toEqual(["+bob"]);
    expect(words(roster.apply([came(1, alice), came(2, bob)], 2))).toEqual([]);
  });

  test("takes a lower id that appears late, unless the device has moved on", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.apply([left(5, alice)], 0);
    expect(words(roster.apply([came(3, alice), came(4, bob)], 1))).toEqual(["+bob"]);
    expect(names(roster)).toEqual(["bob"]);
  });

  test("says nothing of who came and went between two readings", () => {
    const roster = new Roster(OVERLAP_MS);
    expect(roster.apply([came(1, alice), left(2, alice)], 0)).toEqual([]);
    expect(roster.newest).toBe(2);
  });

  test("tells what changed since an event, as it is now", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.replace(nobody, [], 0);
    roster.apply([came(1, alice)], 0);
    roster.apply([came(2, bob)], OVERLAP_MS);
    roster.apply([left(3, alice)], 2 * OVERLAP_MS);
    expect(words(roster.changesSince(3))).toEqual(["-alice"]);
    expect(words(roster.changesSince(1))).toEqual(["-alice", "+bob"]);
    expect(words(roster.changesSince(0))).toEqual(["-alice", "+bob"]);
  });

  test("repeats what was seen shortly before an event: another instance may not have seen it by then", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.replace(nobody, [], 0);
    roster.apply([came(1, alice)], 0);
    roster.apply([came(2, bob)], OVERLAP_MS - 1);
    expect(words(roster.changesSince(2))).toEqual(["+alice", "+bob"]);
  });

  test("does not know what was since an event to come, nor since one that was before the oldest it has", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.replace({ newest: 7, online: [] }, [came(6, alice), came(7, bob)], 0);
    expect(roster.changesSince(8)).toBeUndefined();
    expect(roster.changesSince(4)).toBeUndefined();
    expect(words(roster.changesSince(5))).toEqual(["+alice", "+bob"]);
  });

  test("forgets the oldest, but none that may be read again", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.replace(nobody, [], 0);
    roster.apply([came(1, alice), left(2, alice), came(3, bob)], 0);
    roster.forget(1, 2);
    expect(roster.changesSince(1)).toBeUndefined();
    expect(words(roster.changesSince(2))).toEqual(["+bob"]);
    roster.forget(0, 2);
    expect(words(roster.changesSince(2))).toEqual(["+bob"]);
    expect(names(roster)).toEqual(["bob"]);
  });

  test("that begins anew tells the difference, and keeps what was written after the store was read", () => {
    const roster = new Roster(OVERLAP_MS);
    roster.apply([came(1, alice)], 0);
    const { username: name, device } = bob;
    expect(words(roster.replace({ newest: 3, online: [{ name, device }] }, [left(4, bob)], 1))).toEqual(["-alice"]);
    expect(names(roster)).toEqual([]);
  });

  test("is right at last, in whatever order and however often transitions are read", () => {
    const histories = fc.array(fc.tuple(fc.nat(PEOPLE.length - 1), fc.boolean()), { maxLength: 20 });
    const readings = fc.array(fc.array(fc.nat(19), { maxLength: 10 }), { maxLength: 10 });
    fc.assert(
      fc.property(histories, readings, (history, pages) => {
        const rows = history.map(([person, online], index) => row(index + 1, PEOPLE[person] ?? alice, online));
        const roster = new Roster(OVERLAP_MS);
        const told = new Map<string, boolean>();
        const hear = (changes: ReturnType<Roster["apply"]>) => {
          for (const { name, online } of changes) {
            expect(told.get(name) ?? false).toBe(!online);
            told.set(name, online);
          }
        };
        for (const page of pages)
          hear(
            roster.apply(
              page.flatMap((index) => rows[index] ?? []),
              0,
            ),
          );
        hear(roster.apply(rows, 1));
        const last = new Map(rows.map(({ name, online }) => [name, online]));
        const online = [...last].filter(([, isOnline]) => isOnline).map(([name]) => name);
        expect(names(roster)).toEqual(online.sort());
        expect(
          [...told]
            .filter(([, isOnline]) => isOnline)
            .map(([name]) => name)
            .sort(),
        ).toEqual(online);
      }),
    );
  });
});
