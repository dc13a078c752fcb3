import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Answer, type Person, startWorld } from "../support/p2pchat.ts";

/*
 * `p2pchat doctor` in every state that a profile can be in, over real processes.
 */

type Line = { readonly verdict: string; readonly message: string; readonly advice?: string; readonly code?: string };

/** The lines of one answer by their names. */
function linesOf({ line }: Answer): Readonly<Record<string, Line>> {
  const checks = line["checks"] as readonly (Line & { readonly name: string })[];
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

const badOf = (answer: Answer) =>
  Object.entries(linesOf(answer)).flatMap(([name, { verdict }]) => (verdict === "bad" ? [name] : []));

const examine = (person: Person, ...args: readonly string[]) => person.ask(["doctor", ...args]);

test("before anybody registered it says what to do first, and looks at the server where one is named", async () => {
  const world = await startWorld();
  const alice = world.person("alice");
  const bare = await examine(alice);
  expect(bare).toMatchObject({ exit: 1, stderr: "", line: { type: "doctor", verdict: "bad" } });
  expect(badOf(bare)).toEqual(["profile"]);
  expect(linesOf(bare)["profile"]).toMatchObject({ code: "PROFILE_MISSING", advice: expect.stringContaining("init") });
  const named = linesOf(await examine(alice, "--server", world.url));
  expect([named["server"]?.verdict, named["clock"]?.verdict]).toEqual(["ok", "ok"]);
  const people = await alice.run(["doctor"]);
  expect(people.stdout).toMatch(/^ok +versions +p2pchat .+\nbad +profile +nobody is registered/);
});

test("alone, beside a daemon, and with the server down", async () => {
  const world = await startWorld();
  const alice = await world.register("alice", "--no-passphrase");
  const alone = await examine(alice);
  expect({ exit: alone.exit, bad: badOf(alone) }).toEqual({ exit: 0, bad: [] });
  const { token, daemon, keys, "own-record": record } = linesOf(alone);
  expect([token, daemon, keys, record].map((line) => line?.verdict)).toEqual(["ok", "warn", "warn", "ok"]);

  const listening = await alice.listen();
  const beside = await examine(alice);
  expect({ exit: beside.exit, bad: badOf(beside) }).toEqual({ exit: 0, bad: [] });
  expect(linesOf(beside)["daemon"]).toMatchObject({
    verdict: "ok",
    message: expect.stringContaining(`${listening.pid}`),
  });
  expect(linesOf(beside)["addresses"]?.message).toMatch(/published/);
  await listening.stop();

  await world.stopServer();
  const down = await examine(alice);
  expect(down).toMatchObject({ exit: 3 });
  expect(badOf(down)).toContain("server");
  expect(linesOf(down)["server"]).toMatchObject({ code: "SERVER_UNREACHABLE", advice: expect.any(String) });
  expect(linesOf(down)["database"]?.verdict).toBe("ok");
});

test("a profile with a passphrase is looked at from outside where there is no terminal to ask on", async () => {
  const world = await startWorld();
  const path = join(world.directory, "passphrase");
  writeFileSync(path, "correct horse battery staple\n", { mode: 0o600 });
  const alice = await world.register("alice", "--passphrase-file", path);
  const closed = await examine(alice);
  expect({ exit: closed.exit, bad: badOf(closed) }).toEqual({ exit: 0, bad: [] });
  expect(linesOf(closed)["token"]?.verdict).toBe("unknown");
  const opened = await examine(alice, "--passphrase-file", path);
  expect([linesOf(opened)["token"]?.verdict, linesOf(opened)["keys"]?.verdict]).toEqual(["ok", "ok"]);
});

test("files that others may read are told of, and a damaged database is left as it is", async () => {
  const world = await startWorld();
  const alice = await world.register("alice", "--no-passphrase");
  chmodSync(join(alice.profile, "keystore.json"), 0o644);
  expect(linesOf(await examine(alice))["files"]).toMatchObject({
    verdict: "warn",
    message: expect.stringContaining("keystore.json"),
  });
  expect(statSync(join(alice.profile, "keystore.json")).mode & 0o777).toBe(0o600);
  expect(linesOf(await examine(alice))["files"]?.verdict).toBe("ok");

  writeFileSync(join(alice.profile, "chat.db"), "overwritten by something else ".repeat(1000));
  const damaged = await examine(alice);
  expect(damaged).toMatchObject({ exit: 3 });
  expect(linesOf(damaged)["database"]).toMatchObject({ verdict: "bad", code: "STORE_CORRUPT" });
});
