import { describe, expect, test } from "vitest";
import { createResolver } from "../../../peer/contacts/resolver.ts";
import type { Contact } from "../../../peer/messaging/ports.ts";
import { ChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import type { NameRecord } from "../../../shared/name-record.ts";
import { expectError } from "../../support/expect-error.ts";
import { memoryContacts } from "../../support/memory-contacts.ts";
import { memoryNaming } from "../../support/memory-naming.ts";
import { AUDIENCE, chainOf, keyOf, NOW_MS, NOW_SECONDS, personOf, recordOf, rotate } from "../../support/people.ts";

const alice = personOf("alice");
const bob = personOf("bob");
const bobAgain = personOf("bob", { identity: "bob second identity" });
const mallory = personOf("bob", { identity: "mallory", device: "mallory device" });
const third = personOf("bob", { identity: "third", device: "third device" });

const chain = await chainOf(bob, 3);
const [first, second = first] = chain;
const swapped = await recordOf(mallory);
const rotated = await rotate(bob, first, bobAgain);
const down = new ChatError("SERVER_UNREACHABLE", "down");

function setUp(...shown: NameRecord[]) {
  const time = { ms: NOW_MS };
  const server = memoryNaming();
  const contacts = memoryContacts();
  if (shown.length > 0) server.show(shown);
  const resolver = createResolver({ server, contacts, now: () => time.ms, audience: () => AUDIENCE, own: alice });
  const stored = (): Contact => {
    const contact = contacts.find(bob.username);
    if (contact === undefined) throw new Error("bob is not stored");
    return contact;
  };
  const change = (facts: Partial<Contact>) => contacts.save({ ...stored(), ...facts });
  return { time, server, contacts, resolver, stored, change };
}

/** Bob is pinned with his first record. */
async function acquainted() {
  const it = setUp(first);
  await it.resolver.resolve(bob.username);
  return it;
}

/** Bob is pinned, verified and accepted, and the server has shown another key since. */
async function swappedOut() {
  const it = await acquainted();
  it.change({ verified: true, accepted: true });
  it.server.show([swapped]);
  await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
  return it;
}

describe("resolving a name for the first time", () => {
  test("pins what the server shows", async () => {
    const it = setUp();
    const addrs = [`/ip4/192.0.2.7/tcp/4001/p2p/${bob.device}`];
    it.server.show([first], { [bob.device]: addrs });
    const { contact, stale } = await it.resolver.resolve(bob.username);
    expect(stale).toBe(false);
    expect(contact).toEqual({
      username: "bob",
      record: first.jws.text,
      seq: 1,
      identity: bob.identity,
      devices: [bob.device],
      addresses: { [bob.device]: addrs },
      verified: false,
      blocked: false,
      accepted: false,
      changed: undefined,
      pinnedAtMs: NOW_MS,
    });
    expect(it.stored()).toEqual(contact);
  });

  test("pins a rotated key with its whole chain, and refuses it without", async () => {
    const it = setUp(first, rotated);
    expect((await it.resolver.resolve(bob.username)).contact.identity).toEqual(bobAgain.identity);
    const other = setUp();
    other.server.pretend(rotated, []);
    await expectError(other.resolver.resolve(bob.username), "RECORD_INVALID", "history");
    expect(other.contacts.saves).toBe(0);
  });

  test("refuses a record made for another server", async () => {
    const it = setUp(await recordOf(personOf("bob", { aud: "https://evil.example" })));
    await expectError(it.resolver.resolve(bob.username), "RECORD_INVALID", "aud");
    expect(it.contacts.saves).toBe(0);
  });

  test.each(["SERVER_UNREACHABLE", "SERVER_BUSY", "RATE_LIMITED", "NAME_UNKNOWN"] as const)(
    "fails with %s where nothing is pinned",
    async (code) => {
      const it = setUp(first);
      it.server.fail(new ChatError(code, "no"));
      await expectError(it.resolver.resolve(bob.username), code);
      expect(it.contacts.saves).toBe(0);
    },
  );

  test("refuses a device that another contact lists already", async () => {
    const it = await acquainted();
    it.server.show([await recordOf(personOf("carol", { device: "bob device" }))]);
    await expectError(it.resolver.resolve(personOf("carol").username), "RECORD_INVALID", "device");
    expect(it.contacts.list()).toHaveLength(1);
  });
});

describe("resolving a contact", () => {
  test("writes nothing where nothing has changed", async () => {
    const it = await acquainted();
    await it.resolver.resolve(bob.username);
    expect(it.contacts.saves).toBe(1);
  });

  test("follows new records and keeps what people decided", async () => {
    const it = await acquainted();
    it.change({ verified: true, accepted: true, blocked: true });
    it.server.show(chain);
    const { contact } = await it.resolver.resolve(bob.username);
    expect(contact).toMatchObject({ seq: 3, verified: true, accepted: true, blocked: true, pinnedAtMs: NOW_MS });
    expect(it.stored()).toEqual(contact);
  });

  test("follows a rotation that the pinned key vouches for, and asks to compare anew", async () => {
    const it = await acquainted();
    it.change({ verified: true, accepted: true });
    it.server.show([first, rotated]);
    const { contact } = await it.resolver.resolve(bob.username);
    expect(contact).toMatchObject({ identity: bobAgain.identity, verified: false, accepted: true, changed: undefined });
  });

  test("keeps the last known address of a device, and forgets that of a device that is gone", async () => {
    const it = await acquainted();
    const addrs = [`/ip4/192.0.2.7/tcp/4001/p2p/${bob.device}`];
    it.server.show([first], { [bob.device]: addrs });
    await it.resolver.resolve(bob.username);
    it.server.show([first]);
    expect((await it.resolver.resolve(bob.username)).contact.addresses).toEqual({ [bob.device]: addrs });
    const devices = [{ key: keyOf("laptop"), addedAt: NOW_SECONDS }];
    it.server.show([first, await recordOf(bob, { previous: first, devices })]);
    expect((await it.resolver.resolve(bob.username)).contact.addresses).toEqual({});
  });

  test.each(["SERVER_UNREACHABLE", "SERVER_ERROR", "TOKEN_INVALID", "CLOCK_SKEW", "NAME_UNKNOWN"] as const)(
    "goes on with the pin when the server fails with %s",
    async (code) => {
      const it = await acquainted();
      it.server.fail(new ChatError(code, "no"));
      expect(await it.resolver.resolve(bob.username)).toEqual({ contact: it.stored(), stale: true });
    },
  );

  test("does not hide that a server shows an invalid record", async () => {
    const it = await acquainted();
    it.server.fail(new ChatError("RECORD_INVALID", "no", { reason: "form" }));
    await expectError(it.resolver.resolve(bob.username), "RECORD_INVALID", "form");
  });

  test("refuses an older record and keeps the pin", async () => {
    const it = setUp(...chain);
    await it.resolver.resolve(bob.username);
    it.server.show([first]);
    await expectError(it.resolver.resolve(bob.username), "RECORD_ROLLBACK");
    expect(it.stored()).toMatchObject({ seq: 3, changed: undefined });
  });

  test("leaves a decision alone that was taken while the server was asked", async () => {
    const it = await acquainted();
    it.server.show(chain);
    const held = it.server.hold();
    const resolving = it.resolver.resolve(bob.username);
    it.change({ blocked: true });
    held.release();
    expect((await resolving).contact).toMatchObject({ seq: 3, blocked: true });
    expect(it.stored()).toMatchObject({ seq: 3, blocked: true });
  });
});

describe("a changed key", () => {
  test("is refused with both fingerprints, and the pin is kept", async () => {
    const it = await acquainted();
    it.server.show([swapped]);
    const error = await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(error.details).toEqual({
      username: "bob",
      pinnedFingerprint: fingerprintOf(bob.identity),
      offeredFingerprint: fingerprintOf(mallory.identity),
      seq: 1,
    });
    expect(it.stored()).toMatchObject({
      record: first.jws.text,
      identity: bob.identity,
      devices: [bob.device],
      changed: { record: swapped.jws.text, seenAtMs: NOW_MS },
    });
  });

  test("blocks on while the server is down, and from the memory of what was resolved before", async () => {
    const it = await swappedOut();
    await expectError(it.resolver.resolve(bob.username, { maxAgeMs: 60_000 }), "KEY_CHANGED");
    it.server.fail(down);
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
  });

  test("blocks on when the server shows the pinned record again", async () => {
    const it = await swappedOut();
    it.server.show([first]);
    const error = await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(error.details?.["offeredFingerprint"]).toBe(fingerprintOf(mallory.identity));
    expect(it.stored().changed?.record).toBe(swapped.jws.text);
  });

  test("is forgotten once the pinned key vouches for something newer", async () => {
    const it = await swappedOut();
    it.server.show([first, second]);
    expect((await it.resolver.resolve(bob.username)).contact).toMatchObject({
      seq: 2,
      changed: undefined,
      verified: true,
    });
  });

  test("is noted once, with the time when it was first seen", async () => {
    const it = await swappedOut();
    const { saves } = it.contacts;
    it.time.ms += 5000;
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(it.contacts.saves).toBe(saves);
    it.server.show([await recordOf(third)]);
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(it.stored().changed?.seenAtMs).toBe(NOW_MS + 5000);
  });
});

describe("trusting a changed key", () => {
  test("pins it, not yet verified", async () => {
    const it = await swappedOut();
    it.time.ms += 5000;
    const contact = await it.resolver.trust(bob.username);
    expect(contact).toMatchObject({
      identity: mallory.identity,
      devices: [mallory.device],
      changed: undefined,
      verified: false,
      accepted: true,
      pinnedAtMs: NOW_MS + 5000,
    });
    expect(it.stored()).toEqual(contact);
    expect((await it.resolver.resolve(bob.username)).stale).toBe(false);
  });

  test("accepts what was shown while the server is down", async () => {
    const it = await swappedOut();
    it.server.fail(down);
    expect((await it.resolver.trust(bob.username)).identity).toEqual(mallory.identity);
  });

  test("takes that key's newest record", async () => {
    const it = await swappedOut();
    it.server.show([swapped, await recordOf(mallory, { previous: swapped })]);
    expect(await it.resolver.trust(bob.username)).toMatchObject({ seq: 2, identity: mallory.identity });
  });

  test("does not accept a third key that nobody was shown", async () => {
    const it = await swappedOut();
    const unseen = await recordOf(third);
    it.server.show([unseen]);
    const error = await expectError(it.resolver.trust(bob.username), "KEY_CHANGED");
    expect(error.details?.["offeredFingerprint"]).toBe(fingerprintOf(third.identity));
    expect(it.stored()).toMatchObject({ identity: bob.identity, changed: { record: unseen.jws.text } });
  });

  test("keeps the pin where the server shows it again, and only ends the block", async () => {
    const it = await swappedOut();
    it.server.show([first]);
    expect(await it.resolver.trust(bob.username)).toMatchObject({
      identity: bob.identity,
      changed: undefined,
      verified: true,
    });
  });

  test("does not accept a rotated key without its chain", async () => {
    const it = await acquainted();
    const stranger = personOf("bob", { identity: "stranger" });
    const strange = await recordOf(stranger);
    const odd = await rotate(stranger, strange, mallory);
    it.server.pretend(odd, []);
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    await expectError(it.resolver.trust(bob.username), "RECORD_INVALID", "history");
    expect(it.stored().identity).toEqual(bob.identity);
    it.server.show([strange, odd]);
    expect((await it.resolver.trust(bob.username)).identity).toEqual(mallory.identity);
  });

  test("changes nothing where nothing has changed", async () => {
    const it = await acquainted();
    expect(await it.resolver.trust(bob.username)).toEqual(it.stored());
    expect(it.contacts.saves).toBe(1);
    expect(it.server.lookups).toBe(1);
  });

  test("needs a contact", async () => {
    const it = setUp(first);
    await expectError(it.resolver.trust(bob.username), "CONTACT_UNKNOWN");
    expect(it.contacts.saves).toBe(0);
  });
});

describe("the memory of a resolver", () => {
  test("answers again from what is young enough", async () => {
    const it = await acquainted();
    it.time.ms += 5000;
    await it.resolver.resolve(bob.username, { maxAgeMs: 5001 });
    expect(it.server.lookups).toBe(1);
    await it.resolver.resolve(bob.username, { maxAgeMs: 5000 });
    expect(it.server.lookups).toBe(2);
  });

  test("is not trusted when the clock has gone back", async () => {
    const it = await acquainted();
    it.time.ms -= 1;
    await it.resolver.resolve(bob.username, { maxAgeMs: 60_000 });
    expect(it.server.lookups).toBe(2);
  });

  test("does not hold what was answered without the server, nor a contact who was removed", async () => {
    const it = await acquainted();
    it.time.ms += 60_000;
    it.server.fail(down);
    await it.resolver.resolve(bob.username);
    it.server.fail(undefined);
    expect((await it.resolver.resolve(bob.username, { maxAgeMs: 60_000 })).stale).toBe(false);
    expect(it.server.lookups).toBe(3);
    it.contacts.remove(bob.username);
    await it.resolver.resolve(bob.username, { maxAgeMs: 60_000 });
    expect(it.server.lookups).toBe(4);
  });

  test("asks once for all who ask meanwhile, and lets one of them give up", async () => {
    const it = setUp(first);
    const held = it.server.hold();
    const giveUp = new AbortController();
    const hasty = it.resolver.resolve(bob.username, { signal: giveUp.signal });
    const patient = [it.resolver.resolve(bob.username), it.resolver.resolveDevice(bob.device, "bob")];
    giveUp.abort(new Error("enough"));
    await expect(hasty).rejects.toThrow("enough");
    held.release();
    await Promise.all(patient);
    expect(it.server.lookups).toBe(1);
    expect(it.contacts.list()).toHaveLength(1);
  });
});

describe("finding the person behind a device", () => {
  test("takes the contact that lists it, without asking anybody", async () => {
    const it = await acquainted();
    it.server.fail(down);
    expect(await it.resolver.resolveDevice(bob.device, undefined)).toEqual(it.stored());
    expect(await it.resolver.resolveDevice(bob.device, "carol")).toEqual(it.stored());
    expect(it.server.lookups).toBe(1);
  });

  test("pins a stranger whose record lists it", async () => {
    const it = setUp(first);
    expect(await it.resolver.resolveDevice(bob.device, "bob")).toMatchObject({ username: "bob", accepted: false });
    expect(it.contacts.list()).toHaveLength(1);
  });

  test("pins nobody whose record does not list it", async () => {
    const it = setUp(first);
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "ENVELOPE_INVALID", "identity");
    expect(it.contacts.saves).toBe(0);
  });

  test.each([undefined, "", "Bob", "../bob", "admin", "carol"])("knows nobody by the hint %j", async (hint) => {
    const it = setUp(first);
    await expectError(it.resolver.resolveDevice(bob.device, hint), "ENVELOPE_INVALID", "identity");
    expect(it.contacts.saves).toBe(0);
  });

  test("finds a device that a contact has added, asking the server anew", async () => {
    const it = await acquainted();
    it.time.ms += 1000;
    const laptop = personOf("bob", { device: "laptop" });
    const devices = [bob.deviceKey, laptop.deviceKey].map((key) => ({ key, addedAt: NOW_SECONDS }));
    it.server.show([first, await recordOf(bob, { previous: first, devices })]);
    expect(await it.resolver.resolveDevice(laptop.device, "bob")).toMatchObject({ seq: 2 });
  });

  test("refuses a device once it is seen to be revoked", async () => {
    const it = await acquainted();
    const devices = [{ key: keyOf("laptop"), addedAt: NOW_SECONDS }];
    it.server.show([first, await recordOf(bob, { previous: first, devices })]);
    await it.resolver.resolve(bob.username);
    await expectError(it.resolver.resolveDevice(bob.device, "bob"), "ENVELOPE_INVALID", "identity");
    await expectError(it.resolver.resolveDevice(bob.device, undefined), "ENVELOPE_INVALID", "identity");
  });

  test("does not ask about one name again and again for devices that nobody lists", async () => {
    const it = await acquainted();
    for (let i = 0; i < 5; i++) {
      const stranger = personOf("bob", { device: `stranger ${i}` });
      await expectError(it.resolver.resolveDevice(stranger.device, "bob"), "ENVELOPE_INVALID", "identity");
    }
    expect(it.server.lookups).toBe(1);
  });

  test("says that the server is down rather than that nobody lists the device", async () => {
    const it = await acquainted();
    it.time.ms += 1000;
    it.server.fail(down);
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "SERVER_UNREACHABLE");
    await expectError(it.resolver.resolveDevice(mallory.device, "carol"), "SERVER_UNREACHABLE");
  });

  test("raises the alarm when the name it hints at has another key now", async () => {
    const it = await acquainted();
    it.time.ms += 1000;
    it.server.show([swapped]);
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "KEY_CHANGED");
    expect(it.stored().changed?.record).toBe(swapped.jws.text);
  });
});

describe("inspecting a name", () => {
  test("pins nobody", async () => {
    const it = setUp(first);
    expect((await it.resolver.inspect(bob.username)).record.hash).toBe(first.hash);
    expect(it.contacts.saves).toBe(0);
  });

  test("is as strict about a contact as resolving", async () => {
    const it = await acquainted();
    it.server.show([swapped]);
    await expectError(it.resolver.inspect(bob.username), "KEY_CHANGED");
    expect(it.stored().changed?.record).toBe(swapped.jws.text);
  });

  test("fails when the server cannot be asked", async () => {
    const it = await acquainted();
    it.server.fail(down);
    await expectError(it.resolver.inspect(bob.username), "SERVER_UNREACHABLE");
  });
});

describe("one's own name", () => {
  const aliceAgain = personOf("alice", { identity: "alice second identity" });

  test("is held to one's own key and never stored", async () => {
    const it = setUp(await recordOf(alice));
    const { contact } = await it.resolver.resolve(alice.username);
    expect(contact).toMatchObject({ username: "alice", identity: alice.identity, verified: true, accepted: true });
    expect(await it.resolver.resolveDevice(alice.device, "alice")).toEqual(contact);
    expect(it.contacts.saves).toBe(0);
  });

  test("with another key is a changed key", async () => {
    const it = setUp(await recordOf(aliceAgain));
    const error = await expectError(it.resolver.resolve(alice.username), "KEY_CHANGED");
    expect(error.details).toMatchObject({
      username: "alice",
      pinnedFingerprint: fingerprintOf(alice.identity),
      offeredFingerprint: fingerprintOf(aliceAgain.identity),
    });
  });

  test("is remembered while the server is down", async () => {
    const it = setUp(await recordOf(alice));
    await it.resolver.resolve(alice.username);
    it.server.fail(down);
    expect((await it.resolver.resolve(alice.username)).stale).toBe(true);
    expect(it.contacts.saves).toBe(0);
  });
});
