import { describe, expect, test } from "vitest";
import { Links } from "../../../peer/sandbox/links.ts";

const NONE = { cut: false, dropped: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

function links() {
  let changes = 0;
  const made = new Links(() => {
    changes += 1;
  });
  return { links: made, changes: () => changes };
}

describe("links", () => {
  test("are sound until something is said, and the same from both ends", () => {
    const { links: some, changes } = links();
    expect(some.between("alice", "bob")).toEqual(NONE);
    some.set("bob", "alice", { cut: true });
    expect(some.between("alice", "bob")).toEqual({ ...NONE, cut: true });
    expect(some.between("bob", "alice")).toEqual({ ...NONE, cut: true });
    expect(some.between("alice", "carol")).toEqual(NONE);
    expect(changes()).toBe(1);
  });

  test("have several faults at once, and none when mended", () => {
    const { links: some, changes } = links();
    some.set("alice", "bob", { delayMs: 5 });
    some.set("alice", "bob", { bytesPerSecond: 10 });
    expect(some.list()).toEqual([{ between: ["alice", "bob"], faults: { ...NONE, delayMs: 5, bytesPerSecond: 10 } }]);
    some.set("bob", "alice");
    expect(some.list()).toEqual([]);
    expect(changes()).toBe(3);
  });

  test.each([
    { delayMs: -5 },
    { delayMs: Number.NaN },
    { delayMs: Number.POSITIVE_INFINITY },
    { delayMs: 24 * 3_600_000 + 1 },
    { bytesPerSecond: 0 },
    { bytesPerSecond: -1 },
    { bytesPerSecond: 1e-9 },
    { bytesPerSecond: Number.NaN },
  ])("stay as they are where %j is asked for", (faults) => {
    const { links: some, changes } = links();
    expect(() => some.set("alice", "bob", { cut: true, ...faults })).toThrow(
      expect.objectContaining({ code: "USAGE" }),
    );
    expect([some.list(), changes()]).toEqual([[], 0]);
  });

  test("are sound again, too, once no fault is left of what was said", () => {
    const { links: some } = links();
    some.set("alice", "bob", { delayMs: 0 });
    expect(some.list()).toEqual([]);
    some.set("alice", "bob", { delayMs: 5, bytesPerSecond: 10 });
    some.set("alice", "bob", { delayMs: 0 });
    expect(some.list()).toEqual([{ between: ["alice", "bob"], faults: { ...NONE, bytesPerSecond: 10 } }]);
    some.set("alice", "bob", { bytesPerSecond: Number.POSITIVE_INFINITY });
    expect(some.list()).toEqual([]);
  });

  test("are cut for a caller nobody knows as soon as any of them is", () => {
    const { links: some } = links();
    some.set("alice", "bob", { delayMs: 5 });
    expect(some.worstOf("alice")).toEqual(NONE);
    some.set("alice", "bob", { cut: true });
    expect(some.worstOf("alice")).toEqual({ ...NONE, cut: true });
    expect(some.worstOf("carol")).toEqual(NONE);
    some.set("carol", "bob", { dropped: true });
    expect(some.worstOf("carol")).toEqual({ ...NONE, dropped: true });
  });
});
