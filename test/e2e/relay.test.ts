import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { verifyRelayDescriptor } from "../../shared/relay-descriptor.ts";
import { canInjectFaults, canMount } from "../support/capabilities.ts";
import { expectError } from "../support/expect-error.ts";
import { newBox, newParcel } from "../support/mailbox.ts";
import { call, register, signIn, startTestServer } from "../support/naming-server.ts";
import { personOf } from "../support/people.ts";
import { parcelsIn, spawnRelay, startRelayProcess } from "../support/relay-process.ts";
import { killedAt, mountSmallDisk, tracing } from "../support/system-faults.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const THOROUGH = process.env["P2PCHAT_THOROUGH"] !== undefined;
const CALLS = ["pwrite64", "fsync"];
/** Of each call, at which the relay is killed. */
const PLACES = THOROUGH ? [1, 2, 3, 4, 5, 8, 12, 20, 30, 45, 70, 100, 150] : [2, 12, 45];

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function integrityOf(directory: string): unknown {
  using database = new DatabaseSync(join(directory, "mailbox.db"), { readOnly: true });
  return database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
}

describe("the relay command", () => {
  test("says where it is once it serves, keeps what it has over a restart, and ends when asked", async () => {
    const directory = join(temporaryDirectory(), "relay");
    const first = await startRelayProcess(directory);
    const owner = newBox();
    const parcel = newParcel();
    {
      await using alice = await first.connect();
      await alice.open(owner.contacts);
      await using bob = await first.connect();
      await bob.deposit(owner.box, owner.token(), parcel);
    }
    const asked = performance.now();
    const { code, stderr } = await first.stop();
    expect(code).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(stderr).toBe("");
    const second = await startRelayProcess(directory);
    expect(second.peerId).toBe(first.peerId);
    await using alice = await second.connect();
    expect(await alice.open(owner.contacts)).toEqual({ parcels: 1, bytes: 2048 });
    expect(await parcelsIn(alice, owner.box)).toEqual([hexOf(parcel)]);
  });

  test("keeps its files to itself", async () => {
    const directory = join(temporaryDirectory(), "relay");
    await startRelayProcess(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const modes = readdirSync(directory).map((name) => statSync(join(directory, name)).mode & 0o777);
    expect(new Set(modes)).toEqual(new Set([0o600]));
    expect(readdirSync(directory)).toEqual(expect.arrayContaining(["relay.json", "mailbox.db", "mailbox.db.reserve"]));
  });

  test("does not share its directory, nor start with what it does not understand", async () => {
    const directory = join(temporaryDirectory(), "relay");
    await startRelayProcess(directory);
    const refusals: [readonly string[], string][] = [
      [[], "PROFILE_BUSY"],
      [["--limits", "parcles=1"], "USAGE"],
      [["--limits", "boxes=many"], "USAGE"],
      [["--roles", "mixer"], "USAGE"],
      [["--port", "70000"], "USAGE"],
      [["--operator", "x".repeat(65)], "USAGE"],
    ];
    for (const [args, code] of refusals) {
      const { code: exit, lines } = await spawnRelay(["--dir", directory, ...args]).exited;
      expect({ exit, lines }).toMatchObject({ exit: 1, lines: [{ type: "error", code }] });
    }
    const other = join(temporaryDirectory(), "other");
    const { lines } = await spawnRelay(["--dir", other, "--port", "0", "--announce", "/ip4/192.0.2.1/udp/x"]).exited;
    expect(lines).toMatchObject([{ type: "error", code: "CONFIG_INVALID", reason: "announce" }]);
  });

  test("logs and counts without naming a user, a box or an address", async () => {
    const relay = await startRelayProcess(join(temporaryDirectory(), "relay"), { args: ["--verbose"] });
    const owner = newBox();
    await using alice = await relay.connect();
    await alice.open(owner.contacts);
    await alice.deposit(owner.box, owner.token(), newParcel());
    await expectError(() => alice.deposit(owner.box, new Uint8Array(32), newParcel()), "TOKEN_INVALID");
    const metrics = await (await fetch(`${relay.metricsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^p2pchat_relay_parcels 1$/m);
    expect(metrics).toMatch(/^p2pchat_relay_mailbox_answers_total\{answer="deposited"\} 1$/m);
    expect(metrics).toMatch(/^p2pchat_relay_mailbox_answers_total\{answer="TOKEN_INVALID"\} 1$/m);
    for (const page of ["healthz", "readyz"]) expect((await fetch(`${relay.metricsUrl}/${page}`)).status).toBe(200);
    expect((await fetch(`${relay.metricsUrl}/else`)).status).toBe(404);
    const { stderr } = await relay.stop();
    expect(stderr).toMatch(/"message":"started"/);
    for (const text of [metrics, stderr]) {
      expect(text).not.toMatch(/12D3KooW|127\.0\.0\.1|\/ip4\//);
      expect(text).not.toContain(hexOf(owner.box));
    }
  });

  test("is on the naming server's list while it runs, whatever its clock and the URL it was given", async () => {
    const server = await startTestServer();
    const alice = personOf("alice");
    await register(server, alice);
    const token = await signIn(server, alice);
    const listed = async () => {
      const { json } = await call(server, "GET", "/v1/relays", { token });
      const texts = (json as { relays: string[] }).relays;
      return Promise.all(texts.map((text) => verifyRelayDescriptor(text, { nowMs: server.clock.nowMs })));
    };
    const args = ["--server", server.url, "--operator", "Eve", "--verbose", "--announce", "/ip4/8.8.4.4/tcp/9443"];
    const relay = await startRelayProcess(join(temporaryDirectory(), "relay"), { args });
    await expect.poll(async () => (await listed()).length).toBe(1);
    expect((await listed())[0]?.payload).toMatchObject({
      relay: relay.peerId,
      addrs: [relay.address],
      roles: ["mailbox", "nat"],
      operator: "Eve",
    });
    expect(await relay.stop()).toMatchObject({ code: 0 });
    expect(await listed()).toEqual([]);
  });

  test("serves the roles it was given, and no other", async () => {
    const relay = await startRelayProcess(join(temporaryDirectory(), "relay"), { args: ["--roles", "nat"] });
    await expectError(() => relay.connect(), "PEER_UNREACHABLE", "protocol");
  });
});

describe.skipIf(!canInjectFaults())("a relay killed in the middle of a system call", () => {
  test("has every parcel that it confirmed, once, and takes the others again", async () => {
    const directory = join(temporaryDirectory(), "relay");
    const owner = newBox();
    const confirmed: string[] = [];
    await startRelayProcess(directory).then((relay) => relay.stop());
    let killed = 0;
    for (const call of CALLS) {
      for (const when of PLACES) {
        const deposits = Array.from({ length: 20 }, () => ({ token: owner.token(), parcel: newParcel() }));
        const victim = await startRelayProcess(directory, { wrapper: killedAt(call, when) }).catch(() => undefined);
        if (victim !== undefined) {
          const mailbox = await victim.connect().catch(() => undefined);
          await mailbox?.open(owner.contacts).catch(() => undefined);
          for (const { token, parcel } of mailbox === undefined ? [] : deposits) {
            const outcome = mailbox?.deposit(owner.box, token, parcel);
            if (
              await outcome?.then(
                () => true,
                () => false,
              )
            )
              confirmed.push(hexOf(parcel));
          }
          await mailbox?.close();
          const { signal } = victim.program.isRunning ? await victim.stop() : await victim.program.exited;
          if (signal === "SIGKILL") killed += 1;
        }
        expect(integrityOf(directory)).toBe("ok");
        const relay = await startRelayProcess(directory);
        await using mailbox = await relay.connect();
        await mailbox.open(owner.contacts);
        const found = await parcelsIn(mailbox, owner.box);
        expect(confirmed.filter((parcel) => !found.includes(parcel))).toEqual([]);
        expect(new Set(found).size).toBe(found.length);
        for (const { token, parcel } of deposits) await mailbox.deposit(owner.box, token, parcel);
        const all = await parcelsIn(mailbox, owner.box);
        expect(all.length).toBe(new Set([...found, ...deposits.map(({ parcel }) => hexOf(parcel))]).size);
        confirmed.splice(0, confirmed.length, ...all);
        await relay.stop();
      }
    }
    expect(killed).toBeGreaterThan(CALLS.length);
  }, 300_000);

  test("confirms nothing that the disk did not take: on an I/O error it ends, and starts again", async () => {
    const directory = join(temporaryDirectory(), "relay");
    const owner = newBox();
    const before = await startRelayProcess(directory);
    {
      await using mailbox = await before.connect();
      await mailbox.open(owner.contacts);
    }
    await before.stop();
    const failing = [...tracing("fsync", "/dev/null"), "-e", "inject=fsync:error=EIO:when=8+"];
    const relay = await startRelayProcess(directory, { wrapper: failing });
    const mailbox = await relay.connect();
    await mailbox.open(owner.contacts);
    const confirmed: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      const parcel = newParcel();
      if (
        await mailbox.deposit(owner.box, owner.token(), parcel).then(
          () => true,
          () => false,
        )
      ) {
        confirmed.push(hexOf(parcel));
      }
    }
    expect(confirmed.length).toBeGreaterThan(0);
    expect(confirmed.length).toBeLessThan(8);
    expect((await relay.program.exited).code).toBe(3);
    await mailbox.close();
    const again = await startRelayProcess(directory);
    await using reading = await again.connect();
    await reading.open(owner.contacts);
    expect(await parcelsIn(reading, owner.box)).toEqual(expect.arrayContaining(confirmed));
  });
});

describe.skipIf(!canMount())("a relay on a full disk", () => {
  test("refuses parcels, still gives back and deletes, and takes parcels once there is room", async () => {
    const disk = await mountSmallDisk(join(temporaryDirectory(), "small"), "8m");
    const relay = await startRelayProcess(join(disk.path, "relay"), { wrapper: disk.wrapper });
    const owner = newBox();
    await using mailbox = await relay.connect();
    await mailbox.open(owner.contacts);
    const deposit = () => mailbox.deposit(owner.box, owner.token(), newParcel(61_440));
    for (let n = 0; n < 10; n += 1) await deposit();
    disk.fill();
    for (let n = 0; n < 60; n += 1) {
      if (
        !(await deposit().then(
          () => true,
          () => false,
        ))
      )
        break;
    }
    await expectError(deposit, "STORAGE", "full");
    expect((await fetch(`${relay.metricsUrl}/readyz`)).status).toBe(503);
    const stored = await parcelsIn(mailbox, owner.box);
    expect(stored.length).toBeGreaterThanOrEqual(10);
    await expect
      .poll(() =>
        mailbox.receipt(owner.key, [1, 2, 3]).then(
          () => "done",
          (error) => error.code,
        ),
      )
      .toBe("done");
    expect(await parcelsIn(mailbox, owner.box)).toEqual(stored.slice(3));
    disk.free();
    await expect
      .poll(
        () =>
          deposit().then(
            () => "done",
            (error) => error.code,
          ),
        { timeout: 10_000 },
      )
      .toBe("done");
    expect(relay.program.isRunning).toBe(true);
    expect(readFileSync(disk.file("relay/mailbox.db.reserve")).length).toBe(1024 * 1024);
  });
});
