import { describe, expect, test } from "vitest";
import { SessionBook } from "../../../peer/messaging/session-book.ts";
import { openedStore } from "../../support/opened-store.ts";
import { sessionDevice } from "../../support/sessions.ts";

/** Alice's book, and sessions that she opened with Bob or he with her. */
async function books() {
  const [alice, bob] = [sessionDevice("alice"), sessionDevice("bob")];
  const store = openedStore();
  const book = new SessionBook(alice.sessions, store);
  const opened = async () => {
    const key = await bob.sessions.createKeyPackage({ lastResort: false });
    const { session, welcome } = await alice.sessions.open(bob.id, key.publicPackage);
    return { session, welcome, healedAtMs: 0, via: "lane" as const };
  };
  const joined = async () => {
    const key = await alice.sessions.createKeyPackage({ lastResort: false });
    const { welcome } = await bob.sessions.open(alice.id, key.publicPackage);
    return {
      session: await alice.sessions.join(bob.id, welcome, key),
      welcome: undefined,
      healedAtMs: 0,
      via: "lane" as const,
    };
  };
  return { alice, bob, store, book, opened, joined };
}

describe("the session book", () => {
  test("sends on the session of the smaller device id, the newest of them, also after a restart", async () => {
    const { alice, bob, store, book, opened, joined } = await books();
    const own = [await opened(), await opened()];
    const theirs = [await joined(), await joined()];
    for (const live of [own[0], theirs[0], own[1], theirs[1]]) if (live !== undefined) book.put(bob.id, live);
    const preferred = (alice.id < bob.id ? own : theirs)[1]?.session.id;
    expect(book.forSending(bob.id, alice.id)?.session.id).toEqual(preferred);
    const again = new SessionBook(alice.sessions, store);
    expect(again.forSending(bob.id, alice.id)?.session.id).toEqual(preferred);
  });

  test("uses the other side's session where there is no other", async () => {
    const { alice, bob, book, joined } = await books();
    const only = await joined();
    book.put(bob.id, only);
    expect(book.forSending(bob.id, alice.id)).toEqual(only);
  });

  test("keeps in memory what is on disk, and nothing else", async () => {
    const { alice, bob, store, book, opened } = await books();
    const live = await opened();
    const failing = new SessionBook(alice.sessions, {
      ...store,
      transaction: () => {
        throw new Error("the disk is gone");
      },
    });
    expect(() => failing.put(bob.id, live)).toThrow("the disk is gone");
    expect(failing.find(bob.id, live.session.id)).toBeUndefined();
    book.put(bob.id, live);
    const update = book.update(bob.id, live.session.id, async () => {
      throw new Error("not encrypted");
    });
    await expect(update).rejects.toThrow("not encrypted");
    expect(book.find(bob.id, live.session.id)).toBe(live);
  });

  test("computes one step of a device's sessions after the other, each on the newest value", async () => {
    const { bob, book, opened } = await books();
    const live = await opened();
    book.put(bob.id, live);
    const step = () =>
      book.update(bob.id, live.session.id, async (newest) => {
        await Promise.resolve();
        return { live: { ...newest, healedAtMs: newest.healedAtMs + 1 }, result: newest.healedAtMs };
      });
    expect(await Promise.all([step(), step(), step()])).toEqual([0, 1, 2]);
    expect(book.find(bob.id, live.session.id)?.healedAtMs).toBe(3);
  });

  test("brings no session back that was closed meanwhile", async () => {
    const { bob, store, book, opened } = await books();
    const live = await opened();
    book.put(bob.id, live);
    store.transaction(() => store.sessions.close(live.session.id));
    await book.forget(bob.id);
    expect(book.find(bob.id, live.session.id)).toBeUndefined();
    expect(await book.update(bob.id, live.session.id, async (newest) => ({ live: newest, result: 1 }))).toBeUndefined();
  });

  test("closes a device's own sessions only", async () => {
    const { alice, bob, store, book, opened } = await books();
    const live = await opened();
    book.put(bob.id, live);
    book.close(sessionDevice("mallory").id, [live.session.id]);
    expect(store.sessions.forDevice(bob.id)).toHaveLength(1);
    book.closeAll(bob.id);
    expect(store.sessions.forDevice(bob.id)).toHaveLength(0);
    expect(book.forSending(bob.id, alice.id)).toBeUndefined();
  });
});
