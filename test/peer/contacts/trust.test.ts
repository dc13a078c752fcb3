import { describe, expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { fingerprintOf } from "../../../shared/fingerprint.ts";
import { acquainted, bob, first, mallory, resolverShown, second, swapped } from "../../support/acquaintance.ts";
import { expectError } from "../../support/expect-error.ts";
import { NOW_MS, personOf, recordOf, rotate } from "../../support/people.ts";

const third = personOf("bob", { identity: "third", device: "third device" });
const down = new ChatError("SERVER_UNREACHABLE", "down");

/** Bob is pinned, verified and accepted, and the server has shown another key since. */
async function swappedOut() {
  const it = await acquainted();
  it.change({ verified: true, accepted: true });
  it.server.show([swapped]);
  await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
  return it;
}

describe("a changed key", () => {
  test("is refused with both fingerprints, and the pin is kept", async () => {
    const it = await acquainted();
    it.server.show([swapped]);
    const error = await expectError(it.resolver.resolve(bob.username), "KEY_CHANGED");
    expect(error.details).toEqual({
      username: "bob",
      oldFingerprint: fingerprintOf(bob.identity),
      newFingerprint: fingerprintOf(mallory.identity),
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
    expect(error.details?.["newFingerprint"]).toBe(fingerprintOf(mallory.identity));
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
    expect((await it.resolver.resolve(bob.username, { maxAgeMs: 60_000 })).stale).toBe(true);
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
    expect(error.details?.["newFingerprint"]).toBe(fingerprintOf(third.identity));
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

  test("takes no newer record of the pinned key that the log does not have, for nobody was shown that one", async () => {
    const it = await swappedOut();
    it.server.show([first, second]);
    it.server.log.recordsOf = () => [{ index: 0, hash: first.hash }];
    await expectError(it.resolver.trust(bob.username), "LOG_INVALID", "unlogged");
    expect(it.stored()).toMatchObject({ record: first.jws.text, changed: { record: swapped.jws.text } });
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
    const it = resolverShown(first);
    await expectError(it.resolver.trust(bob.username), "CONTACT_UNKNOWN");
    expect(it.contacts.saves).toBe(0);
  });
});
