import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ConnectOptions } from "../../../peer/sdk/options.ts";
import { connect } from "../../../peer/sdk.ts";
import { expectError } from "../../support/expect-error.ts";
import { strangers } from "../../support/p2pchat.ts";

test("the holder of a token does what it allows through a daemon, and goes on where it was", async () => {
  const { world, alice, bob } = await strangers();
  const place = join(world.directory, "api");
  mkdirSync(place, { mode: 0o700 });
  const apiSocket = join(place, "api.sock");
  const token = String(
    (await bob.ask(["token", "create", "--can", "send:alice", "--can", "read:alice"])).line["token"],
  );
  await expectError(connect({ apiSocket, token }), "PEER_UNREACHABLE", "daemon");
  const listening = await bob.listen(["--api-socket", apiSocket]);
  await expectError(connect({ apiSocket, token: `${token}x` }), "TOKEN_INVALID");

  await using chat = await connect({ apiSocket, token });
  expect(await chat.send({ to: "alice", text: "from a bot", wait: "queued" })).toMatchObject({ to: "alice" });
  await expectError(chat.send({ to: "carol", text: "hi" }), "FORBIDDEN");
  await expectError(chat.contactsList(), "FORBIDDEN");
  await expectError(chat.presence().next(), "FORBIDDEN");
  for (const text of ["one", "two"]) await alice.send("bob", text);
  const seen: unknown[] = [];
  for await (const event of chat.events()) if (event.type === "message" && seen.push(event.text) === 2) break;
  expect(seen).toEqual(["one", "two"]);
  const again = await chat.events({ consumer: "another-name" }).next();
  expect(again.value).toMatchObject({ text: "two" });

  await bob.run(["token", "revoke", String((await bob.ask(["token", "list"])).line["name"])]);
  await expectError(chat.history({ with: "alice" }), "PEER_UNREACHABLE", "daemon");
  await expectError(connect({ apiSocket, token }), "TOKEN_INVALID");
  expect(listening.isRunning).toBe(true);
});

test("a token is shown to nobody who could be somebody else, and without its socket it opens nothing", async () => {
  const { world, bob } = await strangers();
  const place = join(world.directory, "api");
  mkdirSync(place, { mode: 0o700 });
  const apiSocket = join(place, "api.sock");
  await bob.listen(["--api-socket", apiSocket]);
  chmodSync(place, 0o777);
  await expectError(connect({ apiSocket, token: "p2pchat_x" }), "CONFIG_INVALID");
  expect((await bob.run(["token", "log", "--json"])).lines).toEqual([]);
  const forgotten = { home: world.home, profile: "bob", token: "p2pchat_x" } as unknown as ConnectOptions;
  await expectError(connect(forgotten), "USAGE");
  chmodSync(place, 0o700);
  await expectError(connect({ apiSocket: join(bob.profile, "control.sock"), token: "p2pchat_x" }), "DAEMON_MISMATCH");
});
