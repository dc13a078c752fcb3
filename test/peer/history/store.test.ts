import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { openStore } from "../../../peer/history/store.ts";
import type { Contact } from "../../../peer/messaging/ports/contacts.ts";
import type { StoredSession } from "../../../peer/messaging/store/sessions.ts";
import { expectError } from "../../support/expect-error.ts";
import {
  alice,
  bob,
  carol,
  DATA_KEY,
  idOf,
  inbound,
  laneOfBob,
  openedStore,
  outgoing,
  own,
} from "../../support/opened-store.ts";
import { NOW_MS, recordOf } from "../../support/people.ts";

async function contactOf(person: typeof bob): Promise<Contact> {
  const record = await recordOf(person);
  return {
    username: person.username,
    record: record.jws.text,
    seq: 1,
    identity: person.identity,
    devices: record.devices,
    addresses: { [person.device]: [`/ip4/192.0.2.7/tcp/4001/p2p/${person.device}`] },
    mailboxes: {},
    verified: false,
    blocked: false,
    accepted: true,
    changed: undefined,
    pinnedAtMs: NOW_MS,
  };
}

const session = (label: string, facts: Partial<StoredSession> = {}): StoredSession => ({
  id: idOf(label),
  device: bob.device,
  opener: true,
  state: Buffer.from(`secret state ${label}`),
  welcome: undefined,
  healedAtMs: NOW_MS,
  via: "lane",
  ...facts,
});

describe("contacts", () => {
  test("are found by name and by device, and listed by name", async () => {
    const { contacts, transaction } = openedStore();
    const [first, second] = [await contactOf(carol), await contactOf(bob)];
    transaction(() => {
      contacts.save(first);
      contacts.save(second);
    });
    expect(contacts.find(bob.username)).toEqual(second);
    expect(contacts.findByDevice(carol.device)).toEqual(first);
    expect(contacts.findByDevice(alice.device)).toBeUndefined();
    expect(contacts.list()).toEqual([second, first]);
  });

  test("forget the devices they had before, and all of them when they are removed", async () => {
    const { contacts, transaction } = openedStore();
    const contact = await contactOf(bob);
    transaction(() => contacts.save(contact));
    const changed = { record: "another", seenAtMs: NOW_MS };
    transaction(() => contacts.save({ ...contact, devices: [carol.device], changed }));
    expect(contacts.findByDevice(bob.device)).toBeUndefined();
    expect(contacts.findByDevice(carol.device)?.changed).toEqual(changed);
    expect(transaction(() => contacts.remove(bob.username))).toBe(true);
    expect(contacts.findByDevice(carol.device)).toBeUndefined();
    expect(transaction(() => contacts.remove(bob.username))).toBe(false);
  });
});

describe("sessions", () => {
  test("are kept in the order in which they came, and written over in place", () => {
    const { sessions, transaction } = openedStore();
    transaction(() => {
      for (const label of ["one", "two", "three"]) sessions.save(session(label));
      sessions.save(session("one", { state: Buffer.from("newer"), welcome: Buffer.from("welcome") }));
      sessions.save(session("other", { device: carol.device }));
    });
    const kept = sessions.forDevice(bob.device);
    expect(kept.map(({ id }) => id)).toEqual([idOf("one"), idOf("two"), idOf("three")]);
    expect(kept[0]).toMatchObject({
      state: new Uint8Array(Buffer.from("newer")),
      welcome: new Uint8Array(Buffer.from("welcome")),
    });
    expect(kept[1]?.welcome).toBeUndefined();
  });

  test("that are closed stay known, and no state of them comes back", () => {
    const { sessions, transaction } = openedStore();
    transaction(() => sessions.save(session("one")));
    transaction(() => sessions.close(idOf("one")));
    transaction(() => sessions.save(session("one")));
    expect(sessions.forDevice(bob.device)).toEqual([]);
    expect(sessions.isKnown(idOf("one"))).toBe(true);
    expect(sessions.isKnown(idOf("two"))).toBe(false);
    transaction(() => {
      sessions.save(session("two"));
      sessions.closeAll();
    });
    expect(sessions.forDevice(bob.device)).toEqual([]);
  });
});

describe("key packages", () => {
  const keyPackage = (label: string, createdAtMs: number, lastResort = false) => ({
    reference: idOf(label, 32),
    publicPackage: new Uint8Array(Buffer.from(`public ${label}`)),
    privatePackage: new Uint8Array(Buffer.from(`private ${label}`)),
    lastResort,
    createdAtMs,
  });

  test("are found until they are deleted", () => {
    const { keyPackages, transaction } = openedStore();
    transaction(() => keyPackages.save(keyPackage("one", 1)));
    expect(keyPackages.find(idOf("one"))).toEqual(keyPackage("one", 1));
    transaction(() => keyPackages.delete(idOf("one")));
    expect(keyPackages.find(idOf("one"))).toBeUndefined();
  });

  test("grow old, the newest last resort aside", () => {
    const { keyPackages, transaction } = openedStore();
    transaction(() => {
      for (const [label, at, last] of [
        ["a", 1, false],
        ["b", 1, true],
        ["c", 2, true],
        ["d", 9, false],
      ] as const) {
        keyPackages.save(keyPackage(label, at, last));
      }
      keyPackages.deleteBefore(5);
    });
    expect(["a", "b", "c", "d"].map((label) => keyPackages.find(idOf(label)) !== undefined)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(keyPackages.lastResort()?.reference).toEqual(idOf("c"));
    transaction(() => keyPackages.deleteAll());
    expect(keyPackages.lastResort()).toBeUndefined();
  });
});

describe("numbering", () => {
  test("counts each conversation by itself, and anew after a restart", () => {
    const { numbering, transaction } = openedStore();
    const [talk, other] = [idOf("talk"), idOf("other")];
    transaction(() => {
      expect([numbering.next(talk), numbering.next(talk), numbering.next(other)]).toEqual([1, 2, 1]);
      numbering.setLastLink(talk, bob.device, idOf("link"));
    });
    expect([numbering.last(talk), numbering.last(idOf("new"))]).toEqual([2, 0]);
    expect(numbering.lastLink(talk, bob.device)).toEqual(idOf("link"));
    expect(numbering.lastLink(talk, carol.device)).toBeNull();
    transaction(() => numbering.restart());
    expect([numbering.last(talk), numbering.lastLink(talk, bob.device)]).toEqual([0, null]);
  });

  test("gives a number back when its transaction fails", () => {
    const { numbering, transaction } = openedStore();
    const failing = () => {
      numbering.next(idOf("talk"));
      throw new Error("no");
    };
    expect(() => transaction(failing)).toThrow("no");
    expect(transaction(() => numbering.next(idOf("talk")))).toBe(1);
  });
});

describe("the store", () => {
  test("remembers requests, cursors and single facts", () => {
    const { requests, cursors, meta, transaction } = openedStore();
    transaction(() => {
      requests.save("nightly", { messageId: idOf("message", 16), said: idOf("backup done") });
      meta.set("birth", idOf("mark"));
      meta.set("birth", idOf("newer"));
    });
    cursors.set("listen", 7);
    expect(requests.find("nightly", idOf("backup done"))).toEqual({ messageId: idOf("message", 16), isSame: true });
    expect(requests.find("nightly", idOf("backup failed"))).toMatchObject({ isSame: false });
    expect(requests.find("other", idOf("backup done"))).toBeUndefined();
    expect([cursors.get("listen"), cursors.get("other")]).toEqual([7, undefined]);
    expect(new Uint8Array(meta.get("birth") ?? [])).toEqual(idOf("newer"));
    expect(meta.get("other")).toBeUndefined();
  });

  test("holds all of it after it was closed", async () => {
    const store = openedStore();
    const contact = await contactOf(bob);
    store.transaction(() => {
      store.contacts.save(contact);
      store.sessions.save(session("one"));
      store.outbox.add(outgoing(1));
      store.inbox.setMark(laneOfBob, 3);
    });
    store.close();
    const again = openedStore(store.path);
    expect(again.contacts.find(bob.username)).toEqual(contact);
    expect(again.sessions.forDevice(bob.device)).toHaveLength(1);
    expect(again.outbox.open()).toMatchObject([{ seq: 1 }]);
    expect(again.inbox.mark(laneOfBob)).toBe(3);
  });

  test("has no name, text, key or state on the disk that anybody could read", async () => {
    const store = openedStore();
    const contact = await contactOf(carol);
    store.transaction(() => {
      store.contacts.save(contact);
      store.sessions.save(session("one", { device: carol.device, welcome: Buffer.from("a welcome to keep") }));
      store.inbox.setMark(laneOfBob, 0);
      store.inbox.add(inbound(1, { text: "meet me at noon" }), "text");
      store.inbox.release(laneOfBob, 1, 0);
      store.history.addOwn(own(1, { to: carol.username, text: "at the station" }), "text");
      store.outbox.add(outgoing(1, { to: carol.username, device: carol.device }));
      store.requests.save("nightly report", { messageId: idOf("message", 16), said: Buffer.from("all is well") });
      store.meta.set("birth", Buffer.from("born yesterday"));
    });
    store.cursors.set("listen", 1);
    const secrets = [
      "carol",
      carol.device,
      "meet me",
      "station",
      "secret state",
      "a welcome",
      "plaintext",
      "nightly",
      "all is well",
      "yesterday",
      contact.record.slice(0, 40),
    ];
    const disk = [store.path, `${store.path}-wal`].map((file) => readFileSync(file, "latin1")).join("");
    expect(secrets.filter((secret) => disk.includes(secret))).toEqual([]);
    for (const bytes of [carol.identity, laneOfBob.incarnation, laneOfBob.conversation]) {
      expect(disk.includes(Buffer.from(bytes).toString("latin1"))).toBe(false);
    }
  });

  test("refuses rows that were copied from another profile, or swapped", async () => {
    const store = openedStore();
    store.transaction(() => {
      store.sessions.save(session("one"));
      store.sessions.save(session("two"));
    });
    store.close();
    const foreign = openStore(store.path, { dataKey: DATA_KEY, profileId: "another" });
    expect(foreign.sessions.forDevice(bob.device)).toEqual([]);
    foreign.close();
    const raw = new DatabaseSync(store.path);
    raw.exec("UPDATE sessions SET sealed = (SELECT sealed FROM sessions WHERE id = 2)");
    raw.close();
    const swapped = openedStore(store.path);
    await expectError(() => swapped.sessions.forDevice(bob.device), "STORE_CORRUPT");
  });
});
