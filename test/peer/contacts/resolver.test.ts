import { describe, expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import {
  acquainted,
  alice,
  bob,
  bobAgain,
  chain,
  first,
  resolverShown,
  rotated,
  swapped,
} from "../../support/acquaintance.ts";
import { expectError } from "../../support/expect-error.ts";
import { keyOf, NOW_MS, NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";

const down = new ChatError("SERVER_UNREACHABLE", "down");

describe("resolving a name for the first time", () => {
  test("pins what the server shows", async () => {
    const it = resolverShown();
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
      mailboxes: {},
      verified: false,
      blocked: false,
      accepted: false,
      changed: undefined,
      pinnedAtMs: NOW_MS,
    });
    expect(it.stored()).toEqual(contact);
  });

  test("pins a rotated key with its whole chain, and refuses it without", async () => {
    const it = resolverShown(first, rotated);
    expect((await it.resolver.resolve(bob.username)).contact.identity).toEqual(bobAgain.identity);
    const other = resolverShown();
    other.server.pretend(rotated, []);
    await expectError(other.resolver.resolve(bob.username), "RECORD_INVALID", "history");
    expect(other.contacts.saves).toBe(0);
  });

  test("refuses a record made for another server", async () => {
    const it = resolverShown(await recordOf(personOf("bob", { aud: "https://evil.example" })));
    await expectError(it.resolver.resolve(bob.username), "RECORD_INVALID", "aud");
    expect(it.contacts.saves).toBe(0);
  });

  test.each(["SERVER_UNREACHABLE", "SERVER_BUSY", "RATE_LIMITED", "NAME_UNKNOWN"] as const)(
    "fails with %s where nothing is pinned",
    async (code) => {
      const it = resolverShown(first);
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
    const it = resolverShown(...chain);
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

describe("a server that is silent", () => {
  test("is not waited for where a pin can stand in, and heard when it speaks later", async () => {
    const it = await acquainted({ patienceMs: 20 });
    it.server.show(chain);
    const held = it.server.hold();
    expect(await it.resolver.resolve(bob.username)).toMatchObject({ stale: true, contact: { seq: 1 } });
    held.release();
    await expect.poll(() => it.stored().seq).toBe(3);
    expect(await it.resolver.resolve(bob.username)).toMatchObject({ stale: false, contact: { seq: 3 } });
  });

  test("is waited for once, not by each who asks meanwhile", async () => {
    const it = await acquainted({ patienceMs: 20 });
    const held = it.server.hold();
    await it.resolver.resolve(bob.username);
    await new Promise((resolve) => setImmediate(resolve));
    const again = it.resolver.resolve(bob.username);
    const turn = new Promise((resolve) => setImmediate(resolve, "still waiting"));
    expect(await Promise.race([again, turn])).toMatchObject({ stale: true, contact: { seq: 1 } });
    await expectError(it.resolver.resolve(bob.username, { signal: AbortSignal.abort() }), "INTERRUPTED");
    it.server.show([swapped]);
    held.release();
    await expect.poll(() => it.stored().changed?.record).toBe(swapped.jws.text);
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
  });

  test("ends the caller's patience no later than the caller says", async () => {
    const it = await acquainted();
    it.server.hold();
    expect(await it.resolver.resolve(bob.username, { signal: AbortSignal.timeout(20) })).toMatchObject({ stale: true });
    const interrupted = it.resolver.resolve(bob.username, { signal: AbortSignal.abort() });
    await expectError(interrupted, "INTERRUPTED");
  });

  test("leaves nothing to go on with where nobody is pinned", async () => {
    const it = resolverShown(first);
    it.server.hold();
    const resolving = it.resolver.resolve(bob.username, { signal: AbortSignal.timeout(20) });
    await expectError(resolving, "TIMED_OUT");
    expect(it.contacts.saves).toBe(0);
  });

  test("does not lift the block of a changed key", async () => {
    const it = await acquainted({ patienceMs: 20 });
    it.server.show([swapped]);
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    it.server.hold();
    await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
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
    const it = resolverShown(first);
    const held = it.server.hold();
    const giveUp = new AbortController();
    const hasty = it.resolver.resolve(bob.username, { signal: giveUp.signal });
    const patient = [it.resolver.resolve(bob.username), it.resolver.resolveDevice(bob.device, "bob")];
    giveUp.abort();
    await expectError(hasty, "INTERRUPTED");
    held.release();
    await Promise.all(patient);
    expect(it.server.lookups).toBe(1);
    expect(it.contacts.list()).toHaveLength(1);
  });
});

describe("inspecting a name", () => {
  test("pins nobody", async () => {
    const it = resolverShown(first);
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
    const it = resolverShown(await recordOf(alice));
    const { contact } = await it.resolver.resolve(alice.username);
    expect(contact).toMatchObject({ username: "alice", identity: alice.identity, verified: true, accepted: true });
    expect(await it.resolver.resolveDevice(alice.device, "alice")).toEqual(contact);
    expect(it.contacts.saves).toBe(0);
  });

  test("with another key is a changed key", async () => {
    const it = resolverShown(await recordOf(aliceAgain));
    const error = await expectError(it.resolver.resolve(alice.username), "KEY_CHANGED");
    expect(error.details).toMatchObject({
      username: "alice",
      oldFingerprint: fingerprintOf(alice.identity),
      newFingerprint: fingerprintOf(aliceAgain.identity),
    });
  });

  test("is remembered while the server is down", async () => {
    const it = resolverShown(await recordOf(alice));
    await it.resolver.resolve(alice.username);
    it.server.fail(down);
    expect((await it.resolver.resolve(alice.username)).stale).toBe(true);
    expect(it.contacts.saves).toBe(0);
  });
});
