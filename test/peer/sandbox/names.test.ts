import { expect, test } from "vitest";
import { peerNames, relayNames } from "../../../peer/sandbox/names.ts";

test("peers have the usual names, or those that are given", () => {
  expect(peerNames(3)).toEqual(["alice", "bob", "carol"]);
  expect(peerNames(0)).toEqual([]);
  expect(new Set(peerNames(20)).size).toBe(20);
  expect(peerNames(["zoe", "alice"])).toEqual(["zoe", "alice"]);
  expect(relayNames(2)).toEqual(["relay1", "relay2"]);
});

test.each([
  [21],
  [-1],
  [1.5],
  [Number.NaN],
  [["zoe", "zoe"]],
  [["relay7"]],
  [Array.from({ length: 51 }, (_, index) => `zoe${index}`)],
])("%j peers cannot be had", (peers) => {
  expect(() => peerNames(peers)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

test.each([
  [["Not A Name"], "USERNAME_INVALID"],
  [[""], "USERNAME_INVALID"],
  [["server"], "USERNAME_RESERVED"],
])("%j is no name for a peer", (peers, code) => {
  expect(() => peerNames(peers)).toThrow(expect.objectContaining({ code }));
});

test.each([11, -1, 0.5])("%d relays cannot be had", (count) => {
  expect(() => relayNames(count)).toThrow(expect.objectContaining({ code: "USAGE" }));
});
