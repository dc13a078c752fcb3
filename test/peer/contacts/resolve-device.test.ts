import { describe, expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { acquainted, bob, first, mallory, resolverShown, swapped } from "../../support/acquaintance.ts";
import { expectError } from "../../support/expect-error.ts";
import { keyOf, NOW_SECONDS, personOf, recordOf } from "../../support/people.ts";

const down = new ChatError("SERVER_UNREACHABLE", "down");

describe("finding the person behind a device", () => {
  test("takes the contact that lists it, without asking anybody", async () => {
    const it = await acquainted();
    it.server.fail(down);
    expect(await it.resolver.resolveDevice(bob.device, undefined)).toEqual(it.stored());
    expect(await it.resolver.resolveDevice(bob.device, "carol")).toEqual(it.stored());
    expect(it.server.lookups).toBe(1);
  });

  test("pins a stranger whose record lists it", async () => {
    const it = resolverShown(first);
    expect(await it.resolver.resolveDevice(bob.device, "bob")).toMatchObject({ username: "bob", accepted: false });
    expect(it.contacts.list()).toHaveLength(1);
  });

  test("pins nobody whose record does not list it", async () => {
    const it = resolverShown(first);
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "ENVELOPE_INVALID", "identity");
    expect(it.contacts.saves).toBe(0);
  });

  test.each([undefined, "", "Bob", "../bob", "admin", "carol"])("knows nobody by the hint %j", async (hint) => {
    const it = resolverShown(first);
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
    it.time.ms += 1000;
    for (let i = 0; i < 5; i++) {
      const stranger = personOf("bob", { device: `stranger ${i}` });
      await expectError(it.resolver.resolveDevice(stranger.device, "bob"), "ENVELOPE_INVALID", "identity");
      await expectError(it.resolver.resolveDevice(stranger.device, "carol"), "ENVELOPE_INVALID", "identity");
    }
    expect(it.server.lookups).toBe(3);
    it.time.ms += 1000;
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "ENVELOPE_INVALID", "identity");
    expect(it.server.lookups).toBe(4);
  });

  test("asks about thirty names that strangers hint at, then about one every two seconds", async () => {
    const it = resolverShown(first);
    const hint = async (name: string) => {
      await expect(it.resolver.resolveDevice(mallory.device, name)).rejects.toMatchObject({ name: "ChatError" });
      return it.server.lookups;
    };
    for (let asked = 0; asked < 40; asked += 1) await hint(`name-${asked}`);
    expect(it.server.lookups).toBe(30);
    await expectError(it.resolver.resolveDevice(bob.device, "bob"), "RATE_LIMITED");
    expect(it.contacts.saves).toBe(0);
    it.time.monotonicMs += 2000;
    expect(await hint("late-1")).toBe(31);
    expect(await hint("late-2")).toBe(31);
    it.time.ms += 365 * 24 * 60 * 60_000;
    expect(await hint("late-3")).toBe(31);
    it.time.monotonicMs += 24 * 60 * 60_000;
    for (let asked = 0; asked < 40; asked += 1) await hint(`later-${asked}`);
    expect(it.server.lookups).toBe(61);
  });

  test("knows contacts, and asks about their new devices, whatever strangers hint at", async () => {
    const it = await acquainted();
    it.time.ms += 1000;
    for (let asked = 0; asked < 40; asked += 1) {
      await expect(it.resolver.resolveDevice(mallory.device, `name-${asked}`)).rejects.toMatchObject({});
    }
    expect(await it.resolver.resolveDevice(bob.device, "bob")).toEqual(it.stored());
    const laptop = personOf("bob", { device: "laptop" });
    const devices = [bob.deviceKey, laptop.deviceKey].map((key) => ({ key, addedAt: NOW_SECONDS }));
    it.server.show([first, await recordOf(bob, { previous: first, devices })]);
    expect(await it.resolver.resolveDevice(laptop.device, "bob")).toMatchObject({ seq: 2 });
  });

  test("asks about a contact's name at most thirty times a minute for devices that are not theirs", async () => {
    const it = await acquainted();
    for (let asked = 0; asked < 40; asked += 1) {
      it.time.ms += 1000;
      await expect(it.resolver.resolveDevice(mallory.device, "bob")).rejects.toMatchObject({ name: "ChatError" });
    }
    expect(it.server.lookups).toBe(1 + 30);
    expect(await it.resolver.resolveDevice(bob.device, "bob")).toEqual(it.stored());
  });

  test("lets in whom a liar has just named", async () => {
    const it = resolverShown(first);
    await expectError(it.resolver.resolveDevice(mallory.device, "bob"), "ENVELOPE_INVALID", "identity");
    expect(await it.resolver.resolveDevice(bob.device, "bob")).toMatchObject({ username: "bob" });
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
