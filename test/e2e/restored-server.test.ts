import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { backUp } from "../../naming-server/backup.ts";
import { restoreBackup } from "../../naming-server/restore.ts";
import { aliceAndBob, type Person } from "../support/p2pchat.ts";

/** As after moving to a new computer: the profile becomes a new device, and its name has a second record. */
async function moveHouse(person: Person): Promise<void> {
  const copy = join(person.world.directory, `${person.name}-copy`);
  cpSync(person.profile, copy, { recursive: true });
  renameSync(person.profile, `${copy}-aside`);
  cpSync(copy, person.profile, { recursive: true });
  const listening = await person.listen();
  await listening.stop();
}

test("a naming server put back to yesterday is refused by contacts until the people it forgot have published again", async () => {
  const { world, alice, bob, listening } = await aliceAndBob();
  expect((await alice.send("bob", "before the backup")).exit).toBe(0);
  const file = join(world.directory, "backup.db");
  await backUp(world.databasePath, file);
  const carol = await world.register("carol", "--no-passphrase");
  await moveHouse(alice);
  expect((await bob.ask(["lookup", "alice"])).line).toMatchObject({ type: "record", seq: 2 });
  expect((await bob.ask(["lookup", "carol"])).line).toMatchObject({ type: "record", seq: 1 });

  await world.stopServer();
  await restoreBackup({ databasePath: world.databasePath, file, force: true }, Date.now());
  await world.startServer();
  expect((await bob.ask(["lookup", "alice"])).line).toMatchObject({ type: "error", code: "RECORD_ROLLBACK" });
  expect((await bob.ask(["lookup", "carol"])).line).toMatchObject({ type: "error", code: "NAME_UNKNOWN" });

  const again = [await alice.listen(), await carol.listen()];
  expect((await bob.ask(["lookup", "alice"])).line).toMatchObject({ type: "record", seq: 2 });
  expect((await bob.ask(["lookup", "carol"])).line).toMatchObject({ type: "record", seq: 1 });
  expect((await bob.send("alice", "after the restore", "--timeout", "60s")).exit).toBe(0);
  await again[0]?.nextMessage("after the restore");

  // Whom nobody here has met yet stands in a log that is begun anew: that is for people to accept.
  await world.register("dave", "--no-passphrase");
  expect((await bob.ask(["lookup", "dave"])).line).toMatchObject({ type: "error", code: "LOG_INVALID", reason: "key" });
  expect(await bob.ask(["key", "trust-log"])).toMatchObject({ exit: 0, line: { type: "log-trusted", accepted: true } });
  expect((await bob.ask(["lookup", "dave"])).line).toMatchObject({ type: "record", seq: 1 });
  expect((await bob.ask(["key", "audit", "alice"])).line).toMatchObject({ verdict: "ok" });
  for (const program of [listening, ...again]) await program.stop();
});
