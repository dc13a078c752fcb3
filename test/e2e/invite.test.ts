import { expect, test } from "vitest";
import { hashOfInvite } from "../../naming-server/admission.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { startWorld } from "../support/p2pchat.ts";

test("registers by an invite code, from a flag or the environment, and exits 6 without a good one", async () => {
  const world = await startWorld({ registration: "invite" });
  const store = openSqliteStore(world.databasePath);
  await store.addInvite({ hash: hashOfInvite("two-uses"), uses: 2, expires: Math.floor(Date.now() / 1000) + 600 });
  await store.close();
  const register = async (name: string, options: readonly string[], env = {}) => {
    const args = ["register", name, "--no-passphrase", "--server", world.url, ...options];
    const { exit, line } = await world.person(name).ask(args, { env });
    return [exit, line["code"]];
  };
  expect(await register("alice", [])).toEqual([6, "INVITE_REQUIRED"]);
  expect(await register("alice", ["--invite", "wrong"])).toEqual([6, "INVITE_INVALID"]);
  expect(await register("alice", ["--invite", "not a code"])).toEqual([6, "INVITE_INVALID"]);
  expect(await register("alice", ["--invite", "two-uses"])).toEqual([0, undefined]);
  expect(await register("bob", [], { P2PCHAT_INVITE: "two-uses" })).toEqual([0, undefined]);
  expect(await register("carol", ["--invite", "two-uses"])).toEqual([6, "INVITE_INVALID"]);
  await world.stopServer();
  await world.startServer({ registration: "closed" });
  expect(await register("carol", [])).toEqual([6, "REGISTRATION_CLOSED"]);
});
