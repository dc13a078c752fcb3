import { describe, expect, test } from "vitest";
import { SERVER_LIMITS } from "../../../../naming-server/limits.ts";
import { MergedLookup } from "../../../../naming-server/storage/postgres/merged-lookup.ts";

type Query = PromiseWithResolvers<void> & { readonly keys: readonly number[] };

/** Knows even numbers, each as its double, once the test lets a query go. */
function open() {
  const queries: Query[] = [];
  const lookup = new MergedLookup<number, number>(async (keys) => {
    const query = { keys, ...Promise.withResolvers<void>() };
    queries.push(query);
    await query.promise;
    return new Map(keys.filter((key) => key % 2 === 0).map((key) => [key, key * 2]));
  });
  return { lookup, queries };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const findAll = (lookup: MergedLookup<number, number>, keys: readonly number[]) =>
  Promise.all(keys.map((key) => lookup.find(key)));

describe("look-ups", () => {
  test("of one turn share a query, and each gets its own answer or none", async () => {
    const { lookup, queries } = open();
    const found = findAll(lookup, [1, 2, 4, 2]);
    await turn();
    expect(queries.map(({ keys }) => keys)).toEqual([[1, 2, 4]]);
    queries[0]?.resolve();
    expect(await found).toEqual([undefined, 4, 8, 4]);
  });

  test("that come while as many queries as may be are under way wait for one to end, together", async () => {
    const { lookup, queries } = open();
    for (let key = 0; key < SERVER_LIMITS.lookupsUnderWay; key += 1) {
      void lookup.find(key);
      await turn();
    }
    const late = findAll(lookup, [10, 12]);
    await turn();
    expect(queries).toHaveLength(SERVER_LIMITS.lookupsUnderWay);
    queries[0]?.resolve();
    await turn();
    expect(queries.at(-1)?.keys).toEqual([10, 12]);
    queries.at(-1)?.resolve();
    expect(await late).toEqual([20, 24]);
  });

  test("see what was written before they were asked: none joins a query that is under way", async () => {
    const { lookup, queries } = open();
    const first = lookup.find(2);
    await turn();
    const second = lookup.find(2);
    await turn();
    queries[0]?.resolve();
    expect(await first).toBe(4);
    await turn();
    expect(queries.map(({ keys }) => keys)).toEqual([[2], [2]]);
    queries[1]?.resolve();
    expect(await second).toBe(4);
  });

  test("all fail with their query, and the next go on", async () => {
    const { lookup, queries } = open();
    const failed = Promise.allSettled([lookup.find(2), lookup.find(4)]);
    await turn();
    queries[0]?.reject(new Error("lost"));
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const next = lookup.find(2);
    await turn();
    queries[1]?.resolve();
    expect(await next).toBe(4);
  });

  test("of very many names take several queries", async () => {
    const { lookup, queries } = open();
    const found = findAll(
      lookup,
      Array.from({ length: SERVER_LIMITS.lookupsPerQuery * 3 }, (_, index) => index),
    );
    await turn();
    for (let index = 0; index < 3; index += 1) {
      expect(queries[index]?.keys).toHaveLength(SERVER_LIMITS.lookupsPerQuery);
      queries[index]?.resolve();
      await turn();
    }
    expect((await found).at(-2)).toBe((SERVER_LIMITS.lookupsPerQuery * 3 - 2) * 2);
  });
});
