import { expect, test } from "vitest";
import { Callers } from "../../../peer/sandbox/callers.ts";
import { FakeTime } from "../../support/fake-time.ts";

const PORTS = { localPort: 40_000, remotePort: 50_000 };

function callers() {
  const time = new FakeTime();
  return { time, callers: new Callers(time.runtime("callers")) };
}

test("whoever was announced is known at once, and for one connection only", async () => {
  const { time, callers: some } = callers();
  some.hear("alice", PORTS);
  some.hear("bob", { ...PORTS, remotePort: 50_001 });
  expect(await some.find(PORTS)).toBe("alice");
  const again = some.find(PORTS);
  time.pass(500);
  expect(await again).toBeUndefined();
});

test("an announcement that comes later is waited for, and no longer than half a second", async () => {
  const { time, callers: some } = callers();
  const found = some.find(PORTS);
  time.pass(499);
  some.hear("alice", PORTS);
  expect(await found).toBe("alice");
  expect(time.timers).toBe(0);
  const unknown = some.find(PORTS);
  time.pass(500);
  expect(await unknown).toBeUndefined();
});

test("an old announcement is not believed: ports are used again", async () => {
  const { time, callers: some } = callers();
  some.hear("alice", PORTS);
  time.pass(10_001);
  const found = some.find(PORTS);
  some.hear("bob", PORTS);
  expect(await found).toBe("bob");
});

test.each([undefined, null, "x", {}, { localPort: 1 }])("%j announces nobody", async (message) => {
  const { time, callers: some } = callers();
  some.hear("alice", message);
  const found = some.find(PORTS);
  time.pass(500);
  expect(await found).toBeUndefined();
});
