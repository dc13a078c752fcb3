import { describe, expect, test } from "vitest";
import { MessagingWorld } from "../../support/messaging-world.ts";

describe("delivery between two people", () => {
  test("brings messages to both, once and in order", async () => {
    const world = new MessagingWorld();
    const { alice, bob } = await world.acquainted();
    for (let count = 1; count <= 5; count += 1) await alice.send(bob, `to bob ${count}`);
    for (let count = 1; count <= 5; count += 1) await bob.send(alice, `to alice ${count}`);
    await world.settle();
    expect(bob.inbox()).toEqual(["hello bob", "to bob 1", "to bob 2", "to bob 3", "to bob 4", "to bob 5"]);
    expect(alice.inbox()).toEqual([
      "hello alice",
      "to alice 1",
      "to alice 2",
      "to alice 3",
      "to alice 4",
      "to alice 5",
    ]);
    expect([...alice.outbox(), ...bob.outbox()]).toEqual([]);
    expect([...alice.failures, ...bob.failures]).toEqual([]);
  });
});
