import { describe, expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import { expectError } from "../../support/expect-error.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { personOf, recordOf } from "../../support/people.ts";

describe("trusting a contact", () => {
  test("changes nothing where the key has not changed, with the server or without", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const before = alice.contact(bob);
    const fingerprint = fingerprintOf(bob.person.identity);
    const unchanged = { username: "bob", oldFingerprint: fingerprint, newFingerprint: fingerprint, accepted: true };
    expect(await alice.operations.trust({ username: "bob" })).toEqual(unchanged);
    world.directory.fail(new ChatError("SERVER_UNREACHABLE", "down"));
    expect(await alice.operations.trust({ username: "bob" })).toEqual(unchanged);
    expect(alice.contact(bob)).toEqual(before);
  });

  test("does not call a record accepted that no trust can overcome", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const first = await recordOf(bob.person);
    await world.list(bob.person, first);
    await world.pass(60_000);
    await alice.send(bob, "seen by now");
    await world.settle();
    const before = alice.contact(bob);
    world.directory.list(first);
    await world.pass(60_000);
    await expectError(alice.operations.trust({ username: "bob" }), "RECORD_ROLLBACK");
    expect(alice.contact(bob)).toEqual(before);
  });

  test("accepts no other key than the one that was shown", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    const [second, third] = ["second", "third"].map((label) => personOf("bob", { identity: label, device: label }));
    if (second === undefined || third === undefined) throw new Error("two people were made");
    await world.list(second);
    const { newFingerprint, accepted } = await alice.operations.trust({ username: "bob" });
    expect({ newFingerprint, accepted }).toEqual({ newFingerprint: fingerprintOf(second.identity), accepted: false });
    await world.list(third);
    await expectError(alice.operations.trust({ username: "bob", accept: newFingerprint }), "KEY_CHANGED");
    expect(alice.contact(bob)?.identity).toEqual(bob.person.identity);
    await expectError(alice.send(bob, "no"), "KEY_CHANGED");
  });
});
