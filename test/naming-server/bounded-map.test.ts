import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedMap } from "../../naming-server/bounded-map.ts";

test("keeps what is used and never more than its capacity", () => {
  const map = new BoundedMap<number, string>(10);
  map.set(0, "kept");
  for (let key = 1; key < 1000; key += 1) {
    map.set(key, `value ${key}`);
    expect(map.get(0)).toBe("kept");
    expect(map.size).toBeLessThanOrEqual(10);
  }
  expect(map.get(1)).toBeUndefined();
  expect(map.get(999)).toBe("value 999");
});

test("never answers with anything but the last value set and not deleted", () => {
  const action = fc.record({ key: fc.nat(9), kind: fc.constantFrom("set", "get", "delete"), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const map = new BoundedMap<number, number>(6);
      const model = new Map<number, number>();
      for (const { key, kind, value } of actions) {
        if (kind === "set") {
          map.set(key, value);
          model.set(key, value);
          expect(map.get(key)).toBe(value);
        } else if (kind === "delete") {
          map.delete(key);
          model.delete(key);
        }
        expect([undefined, model.get(key)]).toContain(map.get(key));
        expect(map.size).toBeLessThanOrEqual(6);
      }
    }),
  );
});

test("holds no more weight than it may, whatever its entries weigh", () => {
  const map = new BoundedMap<number, string>(100, (text) => text.length);
  const weight = () => Array.from({ length: 50 }, (_, key) => map.get(key)?.length ?? 0).reduce((a, b) => a + b, 0);
  for (let key = 0; key < 50; key += 1) map.set(key, "x".repeat((key % 5) * 10));
  expect(weight()).toBeLessThanOrEqual(100);
  map.set(0, "x".repeat(30));
  map.set(0, "");
  map.set(1, "x".repeat(40));
  expect([map.get(0), map.get(1)?.length]).toEqual(["", 40]);
});

test("keeps what is newest, as long as that weighs half of what it may", () => {
  const map = new BoundedMap<number, string>(100, (text) => text.length);
  for (let key = 0; key < 100; key += 1) {
    map.set(key, "x".repeat(10));
    if (key >= 5) expect(map.size).toBeGreaterThanOrEqual(5);
  }
  expect([95, 96, 97, 98, 99].map((key) => map.get(key)?.length)).toEqual([10, 10, 10, 10, 10]);
});

test("does not count what was deleted or replaced", () => {
  const map = new BoundedMap<number, string>(100, (text) => text.length);
  map.set(0, "kept");
  for (let round = 0; round < 20; round += 1) {
    map.set(1, "x".repeat(20));
    map.set(1, "x".repeat(10));
    map.delete(1);
    map.set(2, "small");
  }
  expect(map.get(0)).toBe("kept");
});
