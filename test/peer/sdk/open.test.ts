import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect, open } from "../../../peer/sdk.ts";
import { expectError } from "../../support/expect-error.ts";
import { startWorld, strangers } from "../../support/p2pchat.ts";

test("two peers in one process talk; commands reach the one that has a control socket", async () => {
  const { world, alice, bob } = await strangers();
  const { home } = world;
  await using first = await open({ home, profile: "alice", controlSocket: true });
  await using second = await open({ home, profile: "bob" });
  const events = second.events({ consumer: "bot" });
  expect(await first.send({ to: "bob", text: "hi" })).toMatchObject({ state: "stored" });
  expect((await events.next()).value).toMatchObject({ type: "message", from: "alice", text: "hi" });
  const undefinedNames = { consumer: undefined, since: undefined } as unknown as { consumer: string };
  const passing = second.events({ ...undefinedNames, signal: AbortSignal.abort() });
  expect(await passing.next()).toMatchObject({ done: true });
  const vague = { wait: undefined, replyTo: undefined } as unknown as { replyTo: string };
  await expectError(second.send({ to: "bob", text: "hi", ...vague }), "SELF_SEND");
  await expectError(second.send({ to: "", text: "hi" }), "REQUEST_INVALID", "params");
  await expectError(second.events({ consumer: "bot" }).next(), "PROFILE_BUSY", "consumer");

  expect(await alice.send("bob", "by command")).toMatchObject({ exit: 0 });
  expect((await events.next()).value).toMatchObject({ from: "alice", text: "by command" });
  await using third = await connect({ home, profile: "alice" });
  expect((await third.status()).daemon).toMatchObject({ pid: process.pid });
  await expectError(open({ home, profile: "alice", timeoutMs: 0 }), "PROFILE_BUSY");
  await expectError(connect({ home, profile: "bob", timeoutMs: 0 }), "PEER_UNREACHABLE", "daemon");

  await second.close();
  expect(await events.next()).toMatchObject({ done: true });
  await expectError(second.whoami(), "INTERRUPTED", "closed");
  expect(await bob.ask(["whoami"])).toMatchObject({ exit: 0, line: { username: "bob" } });
  await using again = await open({ home, profile: "bob" });
  // The first was done with once the second was asked for; the second was not.
  const rest = await again.events({ consumer: "bot" }).next();
  expect(rest.value).toMatchObject({ text: "by command" });
});

test("a profile that cannot be opened is left free", async () => {
  const world = await startWorld();
  const passphraseFile = join(world.directory, "passphrase");
  writeFileSync(passphraseFile, "correct horse battery staple\n", { mode: 0o600 });
  await world.register("bob", "--passphrase-file", passphraseFile);
  const place = { home: world.home, profile: "bob", timeoutMs: 0 };
  await expectError(open({ ...place, passphraseFile: join(world.directory, "other") }), "PASSPHRASE_REQUIRED", "file");
  await using chat = await open({ ...place, passphraseFile });
  expect(await chat.whoami()).toMatchObject({ username: "bob" });
});
