import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseNameRecord } from "../../shared/name-record.ts";
import { callsOf } from "../support/daemon-calls.ts";
import { failing, showing } from "../support/lies.ts";
import { putRecord } from "../support/naming-server.ts";
import { aliceAndBob, type Person, startLyingWorld, startWorld, strangers } from "../support/p2pchat.ts";
import { personOf, recordTextOf, rotate } from "../support/people.ts";

async function fingerprintOf(person: Person): Promise<unknown> {
  return (await person.ask(["whoami"])).line["fingerprint"];
}

const changesOf = (records: unknown) => (records as { change: string; position: number }[]).map(({ change }) => change);

describe("key rotate", () => {
  test("gives a new key that contacts follow without a question, whoever runs the profile", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    await alice.send("bob", "before");
    const { safetyNumber } = (await alice.ask(["verify", "bob"])).line;
    await alice.ask(["verify", "bob", String(safetyNumber)]);
    const oldFingerprint = await fingerprintOf(bob);

    const rotated = await bob.ask(["key", "rotate"]);
    const newFingerprint = await fingerprintOf(bob);
    expect(rotated).toMatchObject({
      exit: 0,
      line: { v: 1, type: "key-rotated", username: "bob", oldFingerprint, newFingerprint, seq: 2 },
    });
    expect(newFingerprint).not.toBe(oldFingerprint);
    expect(await alice.send("bob", "after")).toMatchObject({ exit: 0, line: { state: "stored" } });
    await listening.nextMessage("after");
    expect((await alice.ask(["contacts", "show", "bob"])).line).toMatchObject({
      fingerprint: newFingerprint,
      verified: false,
      keyChanged: false,
      seq: 2,
    });
    const { line } = await bob.ask(["verify", "alice"]);
    expect((await alice.ask(["verify", "bob"])).line["safetyNumber"]).toBe(line["safetyNumber"]);
    expect(line["safetyNumber"]).not.toBe(safetyNumber);

    await listening.stop();
    expect((await bob.ask(["key", "rotate"])).line).toMatchObject({ oldFingerprint: newFingerprint, seq: 3 });
    const audit = await alice.ask(["key", "audit", "bob"]);
    expect(audit).toMatchObject({ exit: 0, line: { type: "key-audit", verdict: "ok", problems: [] } });
    expect(changesOf(audit.line["records"])).toEqual(["first", "rotation", "rotation"]);
    const again = await bob.listen();
    expect(await alice.send("bob", "and again")).toMatchObject({ exit: 0 });
    await again.nextMessage("and again");
    const shown = (await bob.ask(["key", "show"])).line;
    expect(shown).toMatchObject({ type: "key", username: "bob", seq: 3, fingerprint: await fingerprintOf(bob) });
    expect(again.seen.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("goes on with the same key after a kill, before the server has it or behind", async () => {
    const world = await startLyingWorld();
    const { alice, bob } = await strangers(world);
    await alice.send("bob", "hello", "--wait", "queued");
    for (const arrives of [false, true]) {
      const before = await fingerprintOf(bob);
      const seen = world.liar.requests.length;
      const silence = world.liar.tell(async ({ method }, ask) => {
        if (method !== "PUT") return undefined;
        if (arrives) await ask();
        return "hang";
      });
      const interrupted = bob.start(["key", "rotate"]);
      await expect.poll(() => world.liar.requests.slice(seen).some(({ method }) => method === "PUT")).toBe(true);
      if (arrives)
        await expect.poll(async () => (await alice.ask(["key", "audit", "bob"])).line["records"]).toHaveLength(3);
      await interrupted.kill9();
      silence();
      expect(existsSync(join(bob.profile, "keystore.rotation.json"))).toBe(true);
      const resumed = await bob.ask(["key", "rotate"]);
      expect(resumed).toMatchObject({ exit: 0, line: { oldFingerprint: before, seq: arrives ? 3 : 2 } });
      expect(await fingerprintOf(bob)).toBe(resumed.line["newFingerprint"]);
      expect(existsSync(join(bob.profile, "keystore.rotation.json"))).toBe(false);
    }
    expect((await alice.ask(["key", "audit", "bob"])).line).toMatchObject({ verdict: "ok" });
    const listening = await bob.listen();
    expect(await alice.send("bob", "after all")).toMatchObject({ exit: 0 });
    await listening.nextMessage("hello");
  });

  test("is ended by the next start where it was interrupted", async () => {
    const world = await startLyingWorld();
    const { alice, bob } = await strangers(world);
    const silence = world.liar.tell(async ({ method }, ask) =>
      method === "PUT" && (await ask()) ? "hang" : undefined,
    );
    const interrupted = bob.start(["key", "rotate"]);
    await expect.poll(() => world.liar.requests.filter(({ method }) => method === "PUT").length).toBe(3);
    await expect.poll(async () => (await alice.ask(["key", "audit", "bob"])).line["records"]).toHaveLength(2);
    await interrupted.kill9();
    silence();
    const listening = await bob.listen();
    const { fingerprint } = (await alice.ask(["lookup", "bob"])).line;
    expect(await fingerprintOf(bob)).toBe(fingerprint);
    expect(await alice.send("bob", "hello")).toMatchObject({ exit: 0 });
    expect(listening.seen.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("is ended later where the server cannot be asked at the start, and raises no alarm", async () => {
    const world = await startLyingWorld();
    const { alice, bob } = await strangers(world);
    const silence = world.liar.tell(async ({ method }, ask) =>
      method === "PUT" && (await ask()) ? "hang" : undefined,
    );
    const interrupted = bob.start(["key", "rotate"]);
    await expect.poll(async () => (await alice.ask(["key", "audit", "bob"])).line["records"]).toHaveLength(2);
    await interrupted.kill9();
    silence();
    const down = world.liar.tell(failing("/v1/names/bob", { status: 503 }));
    const listening = await bob.listen();
    expect(existsSync(join(bob.profile, "keystore.rotation.json"))).toBe(true);
    const before = world.liar.requests.length;
    down();
    const isAudited = () => world.liar.requests.slice(before).some(({ path }) => path.endsWith("/bob/history?after=0"));
    await expect.poll(isAudited).toBe(true);
    expect(existsSync(join(bob.profile, "keystore.rotation.json"))).toBe(false);
    expect((await bob.ask(["status"])).line["log"]).toMatchObject({ state: "ok" });
    expect((await bob.ask(["key", "audit", "bob"])).line).toMatchObject({ verdict: "ok" });
    expect(listening.seen.filter(({ type }) => type === "error")).toEqual([]);
  });

  test("does not look like a foreign key to the daemon that makes it", async () => {
    const world = await startLyingWorld();
    const { bob } = await strangers(world);
    const listening = await bob.listen();
    const gate = Promise.withResolvers<void>();
    const accepted = Promise.withResolvers<void>();
    world.liar.tell(async ({ method, path }, ask) => {
      if (method !== "PUT" || path !== "/v1/names/bob") return undefined;
      const real = await ask();
      accepted.resolve();
      await gate.promise;
      return real;
    });
    const rotating = bob.ask(["key", "rotate"]);
    await accepted.promise;
    const before = world.liar.requests.length;
    const audits = () => world.liar.requests.slice(before).filter(({ path }) => path.endsWith("/bob/history?after=0"));
    const calls = await callsOf(bob, listening);
    const auditing = calls.keyAudit({ username: "bob" });
    // Had the audit begun, its first question would be behind these by now.
    for (let times = 0; times < 3; times += 1) await calls.lookup({ username: "alice" });
    expect(audits()).toEqual([]);
    gate.resolve();
    expect((await rotating).exit).toBe(0);
    expect(await auditing).toMatchObject({ verdict: "ok", problems: [] });
  });

  test("that the server shows and its log does not have, is refused, and the pin stays", async () => {
    const world = await startLyingWorld();
    const { alice } = await strangers(world);
    const iat = Math.floor(Date.now() / 1000);
    const [carol, next] = ["first", "second"].map((identity) => personOf("carol", { aud: world.url, identity }));
    if (carol === undefined || next === undefined) throw new Error("two were made");
    const first = await recordTextOf(carol, { iat, devices: [{ key: carol.deviceKey, addedAt: iat }] });
    expect((await putRecord(world, "carol", first)).status).toBe(201);
    await alice.send("carol", "hello", "--wait", "queued");
    const before = (await alice.ask(["contacts", "show", "carol"])).line;
    const rotated = (await rotate(carol, parseNameRecord(first), next)).jws.text;
    const stop = world.liar.tell(showing("carol", rotated, { history: [first, rotated] }));
    const refused = { exit: 4, line: { type: "error", code: "LOG_INVALID", reason: "unlogged" } };
    expect(await alice.send("carol", "secret")).toMatchObject(refused);
    expect((await alice.ask(["contacts", "show", "carol"])).line).toEqual(before);
    expect((await alice.ask(["outbox"])).line["items"]).toHaveLength(1);
    expect(await alice.ask(["key", "audit", "carol"])).toMatchObject({
      exit: 4,
      line: { verdict: "bad", problems: [{ code: "LOG_INVALID", reason: "unlogged", seq: 2 }] },
    });
    stop();
    expect((await putRecord(world, "carol", rotated)).status).toBe(200);
    expect(await alice.send("carol", "logged by now", "--wait", "queued")).toMatchObject({ exit: 0 });
  });
});

describe("key change-passphrase", () => {
  test("seals the keys anew, asks for the old passphrase, and is refused while the profile is in use", async () => {
    const world = await startWorld();
    const bob = world.person("bob");
    const [old, next, other] = ["old", "next", "other"].map((name) => join(world.directory, name));
    if (old === undefined || next === undefined || other === undefined) throw new Error("three files");
    for (const file of [old, next, other]) {
      writeFileSync(file, `secret ${file}\n`);
      chmodSync(file, 0o600);
    }
    await bob.register("--passphrase-file", old);
    const keystore = () => readFileSync(join(bob.profile, "keystore.json"), "utf8");
    const before = keystore();
    const change = (file: string) =>
      bob.ask(["key", "change-passphrase", "--passphrase-file", file, "--new-passphrase-file", next]);

    expect(await change(other)).toMatchObject({ exit: 6, line: { code: "PASSPHRASE_WRONG" } });
    const listening = await bob.listen(["--passphrase-file", old]);
    expect(await change(old)).toMatchObject({
      exit: 1,
      line: { code: "PROFILE_BUSY", details: { pid: expect.any(Number) } },
    });
    expect(keystore()).toBe(before);
    await listening.stop();
    expect(await change(old)).toMatchObject({ exit: 0, line: { v: 1, type: "passphrase-changed" } });
    expect(keystore()).not.toBe(before);
    expect(await bob.ask(["whoami", "--passphrase-file", old])).toMatchObject({ exit: 6 });
    expect(await bob.ask(["whoami", "--passphrase-file", next])).toMatchObject({ exit: 0 });
    expect(await bob.ask(["key", "rotate", "--passphrase-file", next])).toMatchObject({ exit: 0 });
    expect(await bob.ask(["whoami", "--passphrase-file", next])).toMatchObject({ exit: 0 });
  });
});
