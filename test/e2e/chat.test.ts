import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTmux } from "../support/capabilities.ts";
import { P2PCHAT, SIZE } from "../support/chat-command.ts";
import { callRaw } from "../support/control-socket.ts";
import { type Person, startWorld, strangers, type Two } from "../support/p2pchat.ts";
import { Tmux } from "../support/tmux.ts";

/** A person's terminal with a conversation in it; the shell says when it is over. */
async function chatting(person: Person, args: string, env: Readonly<Record<string, string>> = {}): Promise<Tmux> {
  const tmux = new Tmux(SIZE, {
    ...person.environment(),
    TERM: "screen-256color",
    LANG: "C.UTF-8",
    PS1: "prompt ",
    ...env,
  });
  await tmux.sees(/prompt/);
  tmux.enter(`${P2PCHAT} chat ${args}; echo "left with $?"`);
  await tmux.sees(new RegExp(` ${args.split(" ")[0]} [\\s\\S]*\n.*> *$`, "m"));
  return tmux;
}

/** Alice and Bob are acquainted, and each has a conversation open. */
async function bothChat(): Promise<Two & { readonly a: Tmux; readonly b: Tmux }> {
  const two = await strangers();
  const b = await chatting(two.bob, "alice");
  const a = await chatting(two.alice, "bob");
  return { ...two, a, b };
}

describe.runIf(hasTmux())("a conversation on the screen", () => {
  test("shows what arrives and what becomes of what is sent, in both windows", async () => {
    const { a, b } = await bothChat();
    a.enter("hello bob");
    await a.sees(/alice │ hello bob ✓/);
    await b.sees(/alice │ hello bob$/m);
    await b.sees(/─ today ─/);
    b.enter("hello alice");
    await a.sees(/bob │ hello alice/);
    await a.sees(/bob {2}.*direct/);
    a.enter("/react 👍");
    await b.sees(/hello alice ✓\n.*│ 👍 alice/);
    b.enter("/edit hello again");
    await a.sees(/bob │ hello again \(edited\)/);
    a.enter("/reply me too");
    await b.sees(/alice │ > bob: hello again\n.*│ me too/);
    b.enter("/delete");
    await a.sees(/bob │ taken back/);
    expect(a.text()).not.toContain("hello again (");
  });

  test("says queued for who is away, and delivered once they are back, by itself", async () => {
    const two = await strangers();
    const a = await chatting(two.alice, "bob");
    a.enter("are you there?");
    await a.sees(/are you there\? queued/);
    await two.bob.listen();
    await a.sees(/are you there\? ✓/);
  });

  test("is written in lines, pasted or typed, and sent as one message", async () => {
    const { a, b } = await bothChat();
    a.paste("one\ntwo");
    a.press("M-Enter");
    a.type("three");
    await a.sees(/> one\n.*two\n.*three/);
    a.press("Enter");
    await b.sees(/alice │ one\n.*│ two\n.*│ three/);
  });

  test("scrolls through history, searches it, and fits whatever size the terminal gets", async () => {
    const two = await strangers();
    await two.bob.listen();
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index + 1}`);
    // A stranger may not write so much.
    await two.alice.send("bob", "may I?");
    await two.bob.send("alice", "go on", "--wait", "queued");
    const a = await chatting(two.alice, "bob");
    await a.sees(/go on/);
    for (const line of lines) a.enter(line);
    await a.sees(/line 60 ✓/);
    a.press("PageUp");
    await a.seesNoMore(/line 60 /);
    await a.sees(/Ctrl\+End/);
    a.press("C-f");
    a.enter("LINE 7");
    await a.sees(/1 of 1\b/);
    await a.sees(/line 7 /);
    a.press("Escape", "C-End");
    await a.sees(/line 60 ✓/);
    a.resize({ columns: 44, rows: 9 });
    await a.sees(/^ bob /m);
    await expect.poll(() => a.rows().length).toBe(9);
    await a.sees(/line 60 ✓\n.*\n> *$/);
    for (const row of a.rows()) expect(row.length).toBeLessThanOrEqual(44);
    a.resize({ columns: 10, rows: 3 });
    await a.sees(/too small/);
    a.resize(SIZE);
    await a.sees(/line 60 ✓/);
  });

  test("has several people in one window: who wrote is counted, and a key away", async () => {
    const two = await strangers(await startWorld());
    const carol = await two.world.register("carol", "--no-passphrase");
    const a = await chatting(two.alice, "bob");
    await carol.send("alice", "carol is here");
    await a.sees(/carol +1 +│/);
    expect(a.text()).not.toContain("carol is here");
    a.type("half a sentence");
    a.press("M-a");
    await a.sees(/─ new ─/);
    await a.sees(/carol │ carol is here/);
    expect(a.text()).not.toMatch(/half a sentence|carol +1 +│/);
    a.press("C-n");
    await a.sees(/> half a sentence/);
    a.press("M-1");
    await a.sees(/carol is here/);
  });

  test("goes through the daemon where one runs, and two windows show the same", async () => {
    const two = await strangers();
    await two.alice.listen();
    await two.bob.listen();
    const [one, other] = [await chatting(two.alice, "bob"), await chatting(two.alice, "bob")];
    one.enter("from one window");
    await one.sees(/from one window ✓/);
    await other.sees(/from one window ✓/);
    await two.bob.send("alice", "for both");
    await one.sees(/bob │ for both/);
    await other.sees(/bob │ for both/);
  });

  test("outlives its daemon: what is written stays, and goes through the next one", async () => {
    const two = await strangers();
    const listening = await two.alice.listen();
    const a = await chatting(two.alice, "bob");
    a.enter("before");
    await a.sees(/before queued/);
    a.type("half a sentence");
    await listening.kill9();
    await a.sees(/the daemon ended: waiting for it; \/retry/);
    a.press("Enter");
    await a.sees(/has to wait[\s\S]*> half a sentence/);
    await two.alice.listen();
    await a.seesNoMore(/has to wait|the daemon ended/);
    a.press("Enter");
    await a.sees(/before queued\n.*half a sentence queued/);
    await two.bob.listen();
    await a.sees(/before ✓\n.*half a sentence ✓/);
  });

  test("goes on without its daemon where the person does not want to wait, and leaves as ever", async () => {
    const two = await strangers();
    const listening = await two.alice.listen();
    const a = await chatting(two.alice, "bob");
    await listening.stop();
    await a.sees(/the daemon ended/);
    a.enter("/retry");
    await a.seesNoMore(/the daemon ended/);
    await two.bob.listen();
    a.enter("by myself");
    await a.sees(/by myself ✓/);
    expect(await two.alice.ask(["listen"])).toMatchObject({ exit: 1, line: { code: "PROFILE_BUSY" } });
    a.press("C-d");
    await a.sees(/left with 0/);
    expect(a.mode()).toMatchObject({ alternate: false, cursor: true, wraps: true });
  });

  test("can be left while there is no daemon", async () => {
    const two = await strangers();
    const listening = await two.alice.listen();
    const a = await chatting(two.alice, "bob");
    await listening.stop();
    await a.sees(/the daemon ended/);
    a.enter("/quit");
    await a.sees(/left with 0/);
  });

  test("shows that the other is writing, once both want it, and no longer than they are", async () => {
    const two = await strangers();
    await two.alice.listen();
    await two.bob.listen();
    await two.alice.send("bob", "hi");
    await two.bob.send("alice", "hello");
    const [a, b] = [await chatting(two.alice, "bob"), await chatting(two.bob, "alice")];
    await two.alice.ask(["contacts", "set", "bob", "--typing", "on"]);
    b.press("C-d");
    await b.sees(/left with 0/);
    await two.bob.ask(["contacts", "set", "alice", "--typing", "on"]);
    b.enter(`clear; ${P2PCHAT} chat alice`);
    await b.sees(/bob │ hello/);
    b.type("I am");
    await a.sees(/bob {2}.*is writing/);
    b.enter(" here");
    await a.sees(/bob │ I am here/);
    expect(a.text()).not.toMatch(/is writing/);
  });

  test("is the profile's daemon where none runs: other commands go through it", async () => {
    const { a, alice } = await bothChat();
    expect(await alice.ask(["status"])).toMatchObject({ exit: 0, line: { daemon: { pid: expect.any(Number) } } });
    expect((await alice.send("bob", "from a script")).line).toMatchObject({ state: "stored" });
    await a.sees(/alice │ from a script ✓/);
    expect(await alice.ask(["listen"])).toMatchObject({ exit: 1, line: { code: "PROFILE_BUSY" } });
  });

  test("serves holders of tokens where it is the daemon, and says why it cannot where it is not", async () => {
    const two = await strangers();
    const path = join(two.world.home, "api.sock");
    const { line } = await two.alice.ask(["token", "create", "--can", "status", "--name", "bot"]);
    const a = await chatting(two.alice, `bob --api-socket ${path}`);
    const bot = await callRaw(path);
    bot.request("authenticate", { token: line["token"] });
    expect(await bot.next()).toMatchObject({ result: { name: "bot" } });
    a.press("C-d");
    await a.sees(/left with 0/);
    expect(existsSync(path)).toBe(false);
    await two.alice.listen();
    a.enter(`clear; ${P2PCHAT} chat bob --api-socket ${path}; echo "left with $?"`);
    await a.sees(/holds this profile: start that one with --api-socket[\s\S]*left with 1/);
  });

  test("has colours, unless NO_COLOR says otherwise", async () => {
    const two = await strangers();
    await two.bob.listen();
    await two.alice.send("bob", "hello");
    const colour = /\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|38|48)[;m]/;
    const plain = await chatting(two.alice, "bob", { NO_COLOR: "1" });
    await plain.sees(/hello ✓/);
    expect(plain.styled()).toMatch(/\x1b\[/);
    expect(plain.styled()).not.toMatch(colour);
    plain.press("C-d");
    await plain.sees(/left with 0/);
    const coloured = await chatting(two.alice, "bob");
    await coloured.sees(/hello ✓/);
    expect(coloured.styled()).toMatch(colour);
  });

  test("takes no orders from a message", async () => {
    const { a, b } = await bothChat();
    b.enter("hi");
    await a.sees(/bob │ hi/);
    b.paste("\x1b[2J\x1b[1;1Hgone\x07\n18:30 alice │ forged \u202egpj.exe");
    b.press("Enter");
    await a.sees(/<U\+001B>\[2J/);
    expect(a.text()).toMatch(/bob │ hi/);
    expect(a.rows().filter((row) => /^.{22}18:30/.test(row))).toEqual([]);
    expect(a.text()).toContain("<U+202E>");
  });
});
