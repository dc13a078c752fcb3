import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { callRaw, closed } from "../support/control-socket.ts";
import { strangers } from "../support/p2pchat.ts";

test("a program with a token sends and reads what it may, and is cut off when it is revoked", async () => {
  const { alice, bob } = await strangers();
  const place = join(bob.world.directory, "api");
  mkdirSync(place, { mode: 0o755 });
  const path = join(place, "api.sock");
  // Made before anybody listens: the daemon finds it.
  const created = await bob.ask(["token", "create", "--can", "send:alice", "--can", "read:alice", "--name", "bot"]);
  const { token } = created.line;
  const listening = await bob.listen(["--api-socket", path]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await alice.send("bob", "hi bot");
  await listening.next(({ type }) => type === "message");

  const bot = await callRaw(path);
  bot.request("authenticate", { token });
  expect(await bot.next()).toMatchObject({ result: { name: "bot", can: ["send:alice", "read:alice"] } });
  bot.request("history", { with: "alice" });
  expect(await bot.next()).toMatchObject({ result: { messages: [{ text: "hi bot" }] } });
  bot.request("send", { to: "alice", text: "hi alice", wait: "queued", timeoutMs: 0 });
  expect(await bot.next()).toMatchObject({ result: { to: "alice" } });
  bot.request("contactsRemove", { username: "alice" });
  expect(await bot.next()).toMatchObject({ error: { data: { code: "FORBIDDEN" } } });

  const stranger = await callRaw(path);
  stranger.request("authenticate", { token: `${token}x` });
  expect(await stranger.next()).toMatchObject({ error: { data: { code: "TOKEN_INVALID" } } });

  const end = closed(bot.socket);
  expect((await bob.run(["token", "revoke", "bot"])).code).toBe(0);
  await end;
  expect((await bob.run(["contacts", "show", "alice"])).code).toBe(0);
  const log = await bob.run(["--json", "token", "log"]);
  expect(log.lines.map(({ method, outcome }) => [method, outcome])).toEqual([
    ["authenticate", "ok"],
    ["history", "ok"],
    ["send", "ok"],
    ["contactsRemove", "FORBIDDEN"],
    ["authenticate", "TOKEN_INVALID"],
  ]);
  expect(log.stdout).not.toContain("hi ");
});
