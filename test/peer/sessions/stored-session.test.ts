import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isChatError } from "../../../shared/errors.ts";
import { heal, openedPair, receive, type SessionEnd, send, sessionDevice, stored } from "../../support/sessions.ts";

function restored({ device, session }: SessionEnd): SessionEnd {
  return { device, session: device.sessions.restore(device.sessions.serialise(session)) };
}

const corrupt = expect.objectContaining({ code: "STORE_CORRUPT" });

/** One after a commit of each side, with messages received and a commit pending: every field is in use. */
async function wornPair() {
  const { alice, bob } = await openedPair();
  await heal(alice, bob);
  await heal(bob, alice);
  await receive(alice, await send(bob, "read"));
  alice.session = (await alice.device.sessions.beginCommit(alice.session)).session;
  return { alice, bob };
}

describe("a stored session", () => {
  test("is the session that was stored", async () => {
    for (const { alice, bob } of [await openedPair(), await wornPair()]) {
      for (const end of [alice, bob]) {
        const again = restored(end);
        expect(again.session).toEqual(end.session);
        expect(stored(again).equals(stored(end))).toBe(true);
      }
    }
  });

  test("goes on where it was, a pending commit included", async () => {
    const { alice, bob } = await wornPair();
    const [a, b] = [restored(alice), restored(bob)];
    expect(await receive(a, await send(b, "under the pending commit"))).toBe("under the pending commit");
    const { session, commit } = await a.device.sessions.beginCommit(a.session);
    const applied = await b.device.sessions.receiveCommit(b.session, commit);
    a.session = await a.device.sessions.confirmCommit(session, commit);
    b.session = applied.session;
    const again = restored(b);
    expect((await again.device.sessions.receiveCommit(again.session, commit)).outcome).toBe("repeated");
    expect(await receive(again, await send(restored(a), "after it"))).toBe("after it");
  });

  test("holds no device key", async () => {
    const { alice } = await wornPair();
    expect(stored(alice).includes(alice.device.seed)).toBe(false);
  });

  test("shares no memory with the bytes it was read from", async () => {
    const { alice, bob } = await openedPair();
    const bytes = stored(bob);
    const session = bob.device.sessions.restore(bytes);
    bytes.fill(0);
    expect(await receive({ ...bob, session }, await send(alice, "unharmed"))).toBe("unharmed");
  });

  test("is not another device's", async () => {
    const { alice } = await openedPair();
    expect(() => sessionDevice("bob").sessions.restore(stored(alice))).toThrow(corrupt);
  });

  test("cannot be read cut short, lengthened or of another version", async () => {
    const { alice } = await wornPair();
    const { sessions } = alice.device;
    const bytes = stored(alice);
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => sessions.restore(bytes.subarray(0, length))).toThrow(corrupt);
    }
    expect(() => sessions.restore(bytes.subarray(0, -1))).toThrow(corrupt);
    expect(() => sessions.restore(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(corrupt);
    expect(() => sessions.restore(Buffer.concat([Buffer.of(2), bytes.subarray(1)]))).toThrow(corrupt);
  });

  test("that is damaged is refused or restored as it stands, never anything else", async () => {
    const { alice } = await wornPair();
    const bytes = stored(alice);
    const damage = fc.record({ at: fc.nat(bytes.length - 1), flip: fc.integer({ min: 1, max: 255 }) });
    fc.assert(
      fc.property(damage, ({ at, flip }) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          const session = alice.device.sessions.restore(damaged);
          expect(Buffer.from(alice.device.sessions.serialise(session)).equals(damaged)).toBe(true);
        } catch (error) {
          if (!isChatError(error, "STORE_CORRUPT")) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
