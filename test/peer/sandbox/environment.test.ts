import { expect, test } from "vitest";
import { environmentOf } from "../../../peer/sandbox/environment.ts";

const HOUSEHOLD = { directory: "/box", temporary: "/box/tmp", name: "alice", hasRelays: false };
const OURS = {
  HOME: "/box",
  TMPDIR: "/box/tmp",
  P2PCHAT_HOME: "/box",
  P2PCHAT_PROFILE: "alice",
  P2PCHAT_RELAYS: "none",
};

test("a process of a sandbox has nothing of the user's, but where programs and compiled code are", () => {
  const own = { PATH: "/bin", HOME: "/home/me", P2PCHAT_SERVER: "https://names.example.org", NODE_OPTIONS: "--x" };
  expect(environmentOf(HOUSEHOLD, own)).toEqual({ ...OURS, PATH: "/bin", XDG_CACHE_HOME: "/home/me/.cache" });
  const caches = { XDG_CACHE_HOME: "/cache", NODE_COMPILE_CACHE: "/code" };
  expect(environmentOf(HOUSEHOLD, { ...own, ...caches })).toMatchObject(caches);
  expect(environmentOf({ ...HOUSEHOLD, hasRelays: true }, own)).toMatchObject({ P2PCHAT_RELAYS: "auto" });
});

test("without a home there is no cache, least of all where the process happens to be", () => {
  expect(environmentOf(HOUSEHOLD, {})).toEqual({ ...OURS, PATH: "" });
  expect(environmentOf(HOUSEHOLD, { HOME: "/home/me", XDG_CACHE_HOME: "cache" })).toEqual({ ...OURS, PATH: "" });
});
