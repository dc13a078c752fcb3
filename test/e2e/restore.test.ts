import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { aliceAndBob, type Person } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

function backUp(person: Person): string {
  const copy = join(person.world.directory, `${person.name}-copy`);
  cpSync(person.profile, copy, { recursive: true });
  return copy;
}

/** As a backup program does: new files. */
function restore(person: Person, copy: string): void {
  renameSync(person.profile, `${copy}-aside`);
  cpSync(copy, person.profile, { recursive: true });
}

/** Into the files that are there, so that only the peers can tell. */
function overwrite(person: Person, copy: string): void {
  for (const name of readdirSync(person.profile)) {
    if (/-(wal|shm)$/.test(name)) rmSync(join(person.profile, name));
  }
  for (const name of readdirSync(copy)) writeFileSync(join(person.profile, name), readFileSync(join(copy, name)));
}

/** A grant and a parcel of the device that the copy was made of. */
function leaveMailboxState(profile: string): void {
  using database = new DatabaseSync(join(profile, "chat.db"));
  database.exec("INSERT INTO mailbox_grants (device) VALUES (x'01')");
  database.exec("INSERT INTO parcels (device, sealed) VALUES (x'01', x'01')");
}

function mailboxRows(profile: string): unknown {
  using database = new DatabaseSync(join(profile, "chat.db"), { readOnly: true });
  const count = "SELECT (SELECT count(*) FROM mailbox_grants) + (SELECT count(*) FROM parcels) AS rows";
  return database.prepare(count).get()?.["rows"];
}

async function deviceOf(person: Person): Promise<unknown> {
  return (await person.ask(["whoami"])).line["peerId"];
}

test("a restored profile is a new device: nothing it sends is taken for old, and what was queued arrives", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "before the copy");
  await bob.send("alice", "hello", "--wait", "queued");
  await listening.stop();
  await alice.send("bob", "queued in the copy", "--wait", "queued");
  expect(await alice.ask(["token", "create", "--can", "send:bob"])).toMatchObject({ exit: 0 });
  const copy = backUp(alice);
  leaveMailboxState(copy);
  const oldDevice = await deviceOf(alice);
  const again = await bob.listen();
  expect(await alice.send("bob", "after the copy")).toMatchObject({ exit: 0 });
  await again.nextMessage("after the copy");
  restore(alice, copy);
  await bob.send("alice", "to the restored one", "--wait", "queued");

  expect(await alice.send("bob", "after the restore")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await again.nextMessage("after the restore");
  expect(await deviceOf(alice)).not.toBe(oldDevice);
  expect(mailboxRows(alice.profile)).toBe(0);
  // One that was revoked since the copy was made must not be good again.
  expect((await alice.run(["token", "list", "--json"])).lines).toEqual([]);
  expect((await bob.ask(["lookup", "alice"])).line).toMatchObject({ seq: 2, devices: [await deviceOf(alice)] });
  const restored = await alice.listen();
  await restored.nextMessage("to the restored one");
  const arrived = textsOf((await bob.run(["history", "alice", "--json"])).lines).filter(
    (text) => text !== "hello" && text !== "to the restored one",
  );
  // The copy does not know that this one was delivered; a second copy with a new number is better than none.
  expect(arrived.filter((text) => text !== "queued in the copy")).toEqual([
    "before the copy",
    "after the copy",
    "after the restore",
  ]);
  expect(arrived).toContain("queued in the copy");
  expect(await bob.send("alice", "both ways", "--timeout", "60s")).toMatchObject({ exit: 0 });
  await restored.nextMessage("both ways");
});

test("an old copy in the very same files is found out by the first peer, and starts a new life", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await alice.send("bob", "one");
  const copy = backUp(alice);
  const oldDevice = await deviceOf(alice);
  await alice.send("bob", "two");
  overwrite(alice, copy);
  const refused = await alice.send("bob", "three", "--timeout", "10m");
  expect(refused).toMatchObject({ exit: 7, line: { state: "queued", devices: [{ error: "PROFILE_UNSAFE" }] } });
  expect(await alice.send("bob", "four")).toMatchObject({ exit: 0, line: { state: "stored" } });
  await listening.nextMessage("four");
  expect(textsOf(listening.seen)).toEqual(["one", "two", "three", "four"]);
  expect(await deviceOf(alice)).not.toBe(oldDevice);
  expect((await alice.ask(["outbox"])).line["items"]).toEqual([]);
  expect(textsOf((await bob.run(["history", "alice", "--json"])).lines)).toEqual(["one", "two", "three", "four"]);
});

test("of two copies that live on, the one that comes second is told that it has been superseded", async () => {
  const { alice, listening } = await aliceAndBob();
  await alice.send("bob", "one");
  const copy = backUp(alice);
  const twin = alice.world.person("alice", { P2PCHAT_PROFILE: "twin" });
  cpSync(copy, join(alice.world.home, "twin"), { recursive: true });
  const third = alice.world.person("alice", { P2PCHAT_PROFILE: "third" });
  cpSync(copy, join(alice.world.home, "third"), { recursive: true });
  expect(await twin.send("bob", "from the twin")).toMatchObject({ exit: 0 });
  await listening.nextMessage("from the twin");
  const superseded = await third.send("bob", "from the third");
  expect(superseded).toMatchObject({ exit: 1, line: { type: "error", code: "PROFILE_UNSAFE", reason: "superseded" } });
  expect(textsOf(listening.seen)).toEqual(["one", "from the twin"]);
});
