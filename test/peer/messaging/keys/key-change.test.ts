import { describe, expect, test } from "vitest";
import { ChatError } from "../../../../shared/errors.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { NOW_MS, personOf } from "../../../support/people.ts";

/** Alice knows Bob, and the server shows another key under his name. */
async function changed() {
  const world = new MessagingWorld();
  const { alice, bob } = await world.acquainted();
  const { log } = world.directory;
  log.facts.status = { signedAtMs: NOW_MS };
  const other = personOf("bob", { identity: "second", device: "second" });
  const record = await world.list(other);
  return { world, alice, bob, log, record };
}

describe("what is known of a changed key", () => {
  test("says since when, by whose word, and where the log has it", async () => {
    const { world, alice, bob } = await changed();
    const before = alice.contact(bob);
    const { change, accepted } = await alice.operations.trust({ username: "bob" });
    expect(accepted).toBe(false);
    expect(change).toEqual({
      pinnedAt: new Date(Number(before?.pinnedAtMs)).toISOString(),
      verified: false,
      seenAt: new Date(world.time.nowMs).toISOString(),
      issuedAt: new Date(NOW_MS).toISOString(),
      oldSeq: 1,
      newSeq: expect.any(Number),
      vouched: false,
      log: { state: "ok", oldPosition: expect.toBeOneOf([0, null]), newPosition: expect.any(Number), newest: true },
    });
    expect(alice.contact(bob)?.identity).toEqual(before?.identity);
  });

  test("is told with the acceptance too, for scripts see nothing before", async () => {
    const { alice } = await changed();
    const { newFingerprint, change } = await alice.operations.trust({ username: "bob" });
    const accepted = await alice.operations.trust({ username: "bob", accept: newFingerprint });
    expect(accepted).toMatchObject({ accepted: true, change });
  });

  test("does not call a record missing from a log that could not be asked", async () => {
    const { alice, log } = await changed();
    log.facts.failure = new ChatError("SERVER_UNREACHABLE", "down");
    const { change } = await alice.operations.trust({ username: "bob" });
    expect(change?.log.state).toBe("unknown");
  });

  test("names the fault of a log that is not to be believed", async () => {
    const { alice, log } = await changed();
    log.facts.failure = new ChatError("LOG_FORKED", "two logs");
    log.facts.status = { signedAtMs: NOW_MS, forked: true };
    const { change } = await alice.operations.trust({ username: "bob" });
    expect(change?.log.state).toBe("LOG_FORKED");
  });
});
