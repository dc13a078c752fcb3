import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectWithPackage } from "../support/installed-package.ts";
import { aliceAndBob, type Person, strangers } from "../support/p2pchat.ts";
import { Program } from "../support/program.ts";
import { REPOSITORY } from "../support/programs.ts";

/** Runs a file of a project as that person. */
function run(project: string, file: string, person: Person): Program {
  return new Program([process.execPath, file], { directory: project, env: person.environment() });
}

/** What the docs show, each example a file. */
function writeExamples(project: string): readonly string[] {
  const texts = ["README.md", "docs/SDK.md"].map((file) => readFileSync(join(REPOSITORY, file), "utf8"));
  const examples = texts.flatMap((text) => [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code));
  expect(examples).toHaveLength(3);
  return examples.map((code, index) => {
    const file = `example-${index}.ts`;
    writeFileSync(join(project, file), code);
    return file;
  });
}

const CONVERSATION = `
import { ChatError, type ChatEvent, connect, open } from "p2pchat";

const say = (type: string, fields: object = {}) => console.log(JSON.stringify({ type, ...fields }));
const failure = (error: unknown) => (error instanceof ChatError ? { code: error.code, reason: error.reason } : { code: String(error) });

await using chat = await connect();
say("identity", await chat.whoami());
await open({ timeoutMs: 0 }).catch((error: unknown) => say("refused", failure(error)));
await chat.send({ to: "carol", text: "hi" }).catch((error: unknown) => say("refused", failure(error)));
const sent = await chat.send({ to: "alice", text: "from a script" });
say("sent", { state: sent.state });
for await (const event of chat.events({ consumer: "script" })) {
  const { type }: ChatEvent = event;
  if (event.type !== "message") continue;
  say("got", { event: type, from: event.from, text: event.text });
  if (event.text === "bye") break;
}
await chat.close();
await chat.whoami().catch((error: unknown) => say("refused", failure(error)));
`;

test("a script of another project talks and listens through a daemon, and its types fit", async () => {
  const [project, { alice, bob }] = [projectWithPackage(), await aliceAndBob()];
  await alice.listen();
  writeFileSync(join(project, "script.ts"), CONVERSATION);
  const script = run(project, "script.ts", bob);
  expect(await script.next(({ type }) => type === "identity")).toMatchObject({ username: "bob", profile: "bob" });
  expect(await script.next(({ type }) => type === "refused")).toMatchObject({ code: "PROFILE_BUSY" });
  expect(await script.next(({ type }) => type === "refused")).toMatchObject({ code: "NAME_UNKNOWN" });
  expect(await script.next(({ type }) => type === "sent")).toMatchObject({ state: "stored" });
  for (const text of ["hi", "bye"]) {
    await alice.send("bob", text);
    expect(await script.next(({ type }) => type === "got")).toMatchObject({ from: "alice", text });
  }
  expect(await script.outcome()).toMatchObject({ code: 0, stderr: "" });
  expect(script.seen.at(-1)).toMatchObject({ type: "refused", code: "INTERRUPTED", reason: "closed" });

  const files = ["script.ts", ...writeExamples(project)];
  symlinkSync(join(REPOSITORY, "node_modules/@types"), join(project, "node_modules/@types"));
  const options = "--noEmit --strict --module nodenext --target esnext --types node --exactOptionalPropertyTypes";
  const compiler = join(REPOSITORY, "node_modules/.bin/tsc");
  const types = () => spawnSync(compiler, [...options.split(" "), ...files], { cwd: project, encoding: "utf8" });
  expect(types()).toMatchObject({ status: 0, stdout: "" });
  writeFileSync(join(project, "script.ts"), CONVERSATION.replace('{ to: "alice", text', '{ two: "alice", text'));
  expect(types().stdout).toContain("two");
});

test("the example bot echoes what was written while it was away, once, and ends in peace", async () => {
  const [project, { alice, bob }] = [projectWithPackage(), await strangers()];
  const [file, listening] = ["echo-bot.ts", await alice.listen()];
  cpSync(join(REPOSITORY, "docs/examples", file), join(project, file));
  const start = async () => {
    const bot = run(project, file, bob);
    await bot.until(() => bot.stdout.includes("bob echoes"));
    return bot;
  };
  const first = await start();
  const one = await alice.send("bob", "one");
  expect(await listening.nextMessage("one")).toMatchObject({ from: "bob", replyTo: one.line.id });
  expect(await first.stop()).toMatchObject({ code: 0, stderr: "" });
  expect(await alice.send("bob", "two", "--timeout", "1ms")).toMatchObject({ exit: 7 });
  const second = await start();
  await listening.nextMessage("two");
  await alice.send("bob", "three");
  await listening.nextMessage("three");
  expect(await second.stop()).toMatchObject({ code: 0, stderr: "" });
  const texts = listening.seen.filter(({ type }) => type === "message").map(({ text }) => text);
  expect(texts).toEqual(["one", "two", "three"]);
});
