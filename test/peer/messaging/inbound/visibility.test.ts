import { describe, expect, test } from "vitest";
import { encodeCbor } from "../../../../shared/cbor.ts";
import { sealEnvelope } from "../../../../shared/envelope.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { attacked } from "../../../support/attacked-peer.ts";

describe("order and holes", () => {
  test("holds a message back behind a hole for five seconds, then shows it with the hole marked", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const missing = at.opener.envelope();
    await at.opener.write();
    await at.opener.write();
    await at.world.pass(4999);
    expect(at.bob.inbox()).toEqual(["message 1"]);
    await at.world.pass(1);
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3", "message 4"]);
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(missing, at.mallory.deviceKey)));
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3", "message 4", "message 2"]);
  });

  test("shows all in order when the missing one arrives in time", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const missing = at.opener.envelope();
    await at.opener.write();
    await at.world.pass(4000);
    await at.opener.exchange(await at.opener.frameOf(sealEnvelope(missing, at.mallory.deviceKey)));
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3"]);
  });

  test("gives every hole its own five seconds", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    const second = at.opener.envelope();
    await at.opener.write();
    await at.world.pass(4000);
    const filling = await at.opener.frameOf(sealEnvelope(second, at.mallory.deviceKey));
    at.opener.envelope();
    const fifth = await at.opener.frameOf(sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    await at.opener.exchange(filling, fifth);
    await at.world.pass(4000);
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3"]);
    await at.world.pass(1000);
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3", 1, "message 5"]);
  });

  test("waits once for several holes", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    for (let hole = 0; hole < 3; hole += 1) {
      at.opener.envelope();
      await at.opener.write();
    }
    await at.world.pass(4999);
    expect(at.bob.inbox()).toEqual(["message 1"]);
    await at.world.pass(1);
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3", 1, "message 5", 1, "message 7"]);
  });

  test("shows what has waited for five seconds, and what comes before it, no more", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const sealed = Array.from({ length: 9 }, () => sealEnvelope(at.opener.envelope(), at.mallory.deviceKey));
    const write = async (...seqs: number[]) => {
      for (const seq of seqs) {
        const one = sealed[seq - 1];
        if (one !== undefined) await at.opener.exchange(await at.opener.frameOf(one));
      }
    };
    await write(1, 3, 7);
    await at.world.pass(4000);
    await write(5, 9);
    await at.world.pass(1000);
    const first = ["message 1", 1, "message 3", 1, "message 5", 1, "message 7"];
    expect(at.bob.inbox()).toEqual(first);
    await at.world.pass(3999);
    expect(at.bob.inbox()).toEqual(first);
    await at.world.pass(1);
    expect(at.bob.inbox()).toEqual([...first, 1, "message 9"]);
  });

  test("waits once more where the disk does not allow it", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    await at.opener.write();
    const { release } = at.bob.store.inbox;
    Object.assign(at.bob.store.inbox, {
      release() {
        throw new ChatError("STORAGE", "the disk is full", { reason: "full" });
      },
    });
    await at.world.pass(5000);
    expect(at.bob.inbox()).toEqual(["message 1"]);
    expect(at.bob.failures).toMatchObject([{ code: "STORAGE" }]);
    Object.assign(at.bob.store.inbox, { release });
    await at.world.pass(5000);
    expect(at.bob.inbox()).toEqual(["message 1", 1, "message 3"]);
  });

  test("looks at little of what is held, however much that is", async () => {
    const at = await attacked();
    await at.bob.send("mallory", "write as much as you like");
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    for (let count = 0; count < 30; count += 1) await at.opener.write();
    const { nextHeld } = at.bob.store.inbox;
    let looks = 0;
    Object.assign(at.bob.store.inbox, {
      nextHeld(...args: Parameters<typeof nextHeld>) {
        looks += 1;
        return nextHeld(...args);
      },
    });
    await at.opener.write();
    expect(looks).toBe(1);
  });

  test("goes on waiting out a hole after a restart", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    await at.opener.write();
    const restarted = at.world.restart(at.bob);
    expect(restarted.inbox()).toEqual(["message 1"]);
    await at.world.pass(5000);
    expect(restarted.inbox()).toEqual(["message 1", 1, "message 3"]);
  });

  test("shows a hole even when only a tombstone stands behind it", async () => {
    const at = await attacked();
    await at.opener.openSession();
    await at.opener.write();
    at.opener.envelope();
    await at.opener.write({ kind: "tombstone", body: encodeCbor({}) });
    await at.world.pass(5000);
    expect(at.bob.inbox()).toEqual(["message 1", 1]);
    const { messages } = await at.bob.operations.history({ with: "mallory" });
    expect(messages.map(({ text }) => text)).toEqual(["message 1"]);
  });

  test("shows messages in order whatever their times say", async () => {
    const at = await attacked();
    await at.opener.openSession();
    const year = 365 * 24 * 60 * 60_000;
    for (const sentAt of [Date.UTC(2026) + 10 * year, 0, 8.64e15, Date.UTC(2026)]) await at.opener.write({ sentAt });
    expect(at.bob.inbox()).toEqual(["message 1", "message 2", "message 3", "message 4"]);
    const { messages } = await at.bob.operations.history({ with: "mallory" });
    expect(messages.map(({ sentAt }) => sentAt)).toContain("+275760-09-13T00:00:00.000Z");
    expect(messages.every(({ receivedAt }) => receivedAt.startsWith("2026-11-20"))).toBe(true);
  });
});
