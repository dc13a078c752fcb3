import { describe, expect, test } from "vitest";
import { assertLogged, assertNotSuperseded } from "../../../peer/contacts/logged.ts";
import { ChatError } from "../../../shared/errors.ts";
import { first, second } from "../../support/acquaintance.ts";
import { expectError } from "../../support/expect-error.ts";
import { memoryLog } from "../../support/memory-log.ts";

const unreachable = new ChatError("SERVER_UNREACHABLE", "down");

describe("a record that nobody has relied on yet", () => {
  test("is believed where it is the newest of its name", async () => {
    const log = memoryLog(() => [first, second]);
    await assertLogged(log, second);
    expect(log.facts.syncs).toBe(0);
  });

  test("is looked for anew where the copy does not have it", async () => {
    const held = [first];
    const log = memoryLog(() => held);
    const sync = log.sync;
    log.sync = async () => {
      held.push(second);
      return sync();
    };
    await assertLogged(log, second);
    expect(log.facts.syncs).toBe(1);
  });

  test.each([
    ["the log has a newer one", [first, second], first, {}, "RECORD_ROLLBACK", "log"],
    ["the log does not have it", [first], second, {}, "LOG_INVALID", "unlogged"],
    ["the log is stale", [first], first, { stale: true }, "LOG_STALE", undefined],
    ["the log is proven to be two", [first], first, { forked: true }, "LOG_FORKED", undefined],
  ] as const)("is refused where %s", async (_what, held, record, status, code, reason) => {
    const log = memoryLog(() => held);
    log.facts.status = status;
    await expectError(assertLogged(log, record), code, reason);
  });

  test("is not believed where the log cannot be asked", async () => {
    const log = memoryLog(() => []);
    log.facts.failure = unreachable;
    await expectError(assertLogged(log, first), "SERVER_UNREACHABLE");
  });
});

describe("a record that is pinned", () => {
  test("is refused where the log has a newer one", async () => {
    await expectError(
      assertNotSuperseded(
        memoryLog(() => [first, second]),
        first,
      ),
      "RECORD_ROLLBACK",
      "log",
    );
  });

  test.each([
    ["cannot be asked", unreachable],
    ["is not what it was", new ChatError("LOG_INVALID", "shrunk", { reason: "shrunk" })],
    ["is proven to be two", new ChatError("LOG_FORKED", "two")],
    ["is signed with a key that is none", new ChatError("KEY_INVALID", "of small order")],
  ])("stands by itself where the log %s", async (_what, failure) => {
    const log = memoryLog(() => [first, second]);
    log.facts.failure = failure;
    await assertNotSuperseded(log, first);
  });

  test.each([
    ["nothing of its name", []],
    ["only others of its name", [second]],
  ])("stands by itself where the log has %s", async (_what, held) => {
    await assertNotSuperseded(
      memoryLog(() => held),
      first,
    );
  });

  test("stands by itself where a fork was proven before", async () => {
    const log = memoryLog(() => [first, second]);
    log.facts.status = { forked: true };
    await assertNotSuperseded(log, first);
  });
});

test("the log is walked through once for a record that is its newest", async () => {
  let walks = 0;
  const log = memoryLog(() => {
    walks += 1;
    return [first];
  });
  await assertLogged(log, first);
  await assertNotSuperseded(log, first);
  expect(walks).toBe(2);
});
