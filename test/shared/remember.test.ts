import { expect, test } from "vitest";
import { remember } from "../../shared/remember.ts";

function counting(max: number) {
  const asked: string[] = [];
  const lengthOf = remember(max, (key) => {
    asked.push(key);
    if (key === "") throw new RangeError("empty");
    return key.length;
  });
  return { asked, lengthOf };
}

test("computes once for each key", () => {
  const { asked, lengthOf } = counting(2);
  expect([lengthOf("a"), lengthOf("bb"), lengthOf("a")]).toEqual([1, 2, 1]);
  expect(asked).toEqual(["a", "bb"]);
});

test("begins anew once it holds as many as it may", () => {
  const { asked, lengthOf } = counting(2);
  for (const key of ["a", "bb", "ccc", "a"]) lengthOf(key);
  expect(asked).toEqual(["a", "bb", "ccc", "a"]);
});

test("does not remember a failure", () => {
  const { asked, lengthOf } = counting(2);
  expect(() => lengthOf("")).toThrow(RangeError);
  expect(() => lengthOf("")).toThrow(RangeError);
  expect(asked).toHaveLength(2);
});
