import { expect, test } from "vitest";
import { Overlap } from "../../../naming-server/presence/overlap.ts";

test("an id is trusted once a whole transaction's time has passed since it was read", () => {
  const overlap = new Overlap(10, 3);
  overlap.mark(5, 0);
  overlap.mark(7, 4);
  expect([9, 10, 13, 14, 99].map((nowMs) => overlap.trusted(nowMs))).toEqual([3, 5, 5, 7, 7]);
});
