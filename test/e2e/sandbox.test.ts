import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTmux } from "../support/capabilities.ts";
import { Program } from "../support/program.ts";
import { PROGRAMS } from "../support/programs.ts";
import { Box, STARTED_WITHIN_MS } from "../support/sandbox-box.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { Tmux } from "../support/tmux.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that has ended and waits to be reaped is no more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function isSandbox(name: string): boolean {
  return name.startsWith("p2pchat-sandbox");
}

async function expectGone(pids: readonly number[]): Promise<void> {
  expect(pids.length).toBeGreaterThan(0);
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
}

describe("a sandbox", () => {
  test("has people who know each other, and shows what arrives, also from another terminal", async () => {
    const box = await Box.start("--peers", "3");
    expect(box.line).toMatchObject({ relays: [], peers: [{ name: "alice" }, { name: "bob" }, { name: "carol" }] });
    const contacts = (await box.run("alice", "contacts")).lines;
    expect(contacts).toMatchObject([
      { username: "bob", accepted: true },
      { username: "carol", accepted: true },
    ]);
    expect(await box.deliver("alice", "bob", "from here")).toMatchObject({
      event: { v: 1, type: "message", from: "alice" },
    });
    expect(await box.run("carol", "send", "bob", "from there")).toMatchObject({
      code: 0,
      lines: [{ state: "stored" }],
    });
    expect(await box.shown("bob", "from there")).toMatchObject({ event: { from: "carol" } });
    expect(await box.program.stop()).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(String(box.line["directory"]))).toBe(false);
  });

  test("takes what it does not understand for a mistake, says so, and changes nothing", async () => {
    const box = await Box.start();
    const before = await box.status();
    const wrong = [
      "cut alice mallory",
      "explode",
      "stop",
      "start bob",
      "thaw bob",
      "cut bob bob",
      "send server bob hi",
    ];
    for (const order of wrong) {
      box.order(order);
      expect([order, await box.next("error")]).toEqual([order, expect.objectContaining({ code: "USAGE" })]);
    }
    box.order("send alice alice hi", "# a remark", "");
    expect(await box.next("error")).toMatchObject({ code: "SELF_SEND" });
    expect(await box.status()).toEqual(before);
    expect(before.faults).toEqual([]);
    box.program.stdin.end();
    expect(await box.program.outcome()).toMatchObject({ code: 1 });
  });

  test("carries out what it reads, one after the other, ends with the input, and in peace if all went well", async () => {
    const orders = "cut alice bob\nsend alice bob one\nstatus\nheal\n\n# later\nquit\nsend alice bob never\n";
    const box = new Box([], orders);
    expect(await box.program.outcome(STARTED_WITHIN_MS)).toMatchObject({ code: 0, stderr: "" });
    const [started, ...said] = box.program.seen;
    expect(started).toMatchObject({ type: "sandbox" });
    expect(said).toMatchObject([
      { type: "sandbox-sent", from: "alice", result: { state: "queued" } },
      { type: "sandbox-status", faults: [{ between: ["alice", "bob"], cut: true }] },
    ]);
  });

  test("with no input at all stays until it is asked to end", async () => {
    const box = new Box([], "");
    await box.next("sandbox", STARTED_WITHIN_MS);
    expect(box.program.isRunning).toBe(true);
    box.program.signal("SIGINT");
    expect(await box.program.outcome()).toMatchObject({ code: 130, stderr: "" });
    expect(readdirSync(box.temporary).filter(isSandbox)).toEqual([]);
  });

  test("that is asked to end while it starts leaves nothing behind", async () => {
    const box = new Box();
    const started = () => readdirSync(box.temporary).some(isSandbox);
    await expect.poll(started).toBe(true);
    expect(await box.program.stop()).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(started()).toBe(false);
  });

  test("keeps a directory that it was given, and goes on there", async () => {
    const directory = join(temporaryDirectory(), "lab");
    const first = await Box.start("--directory", directory, "--peers", "ann,ben");
    await first.deliver("ann", "ben", "one");
    expect((await first.program.stop()).code).toBe(0);
    const second = await Box.start("--directory", directory, "--peers", "ann,ben,zoe");
    expect(second.line["server"]).toBe(first.line["server"]);
    const history = await second.run("ben", "history", "ann");
    expect(history.lines.map(({ text }) => text)).toEqual(["one"]);
    await second.deliver("zoe", "ann", "two");
    expect((await second.program.stop()).code).toBe(0);
  });

  test("does not touch a directory of something else", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "letter.txt"), "dear bob");
    const box = new Box(["--directory", directory]);
    expect(await box.program.outcome()).toMatchObject({ code: 1, lines: [{ type: "error", code: "USAGE" }] });
    expect(readdirSync(directory)).toEqual(["letter.txt"]);
  });

  test.each([
    ["--peers", "99"],
    ["--peers", "al"],
    ["--peers", "bob,bob"],
    ["--relays", "auto"],
  ])("with %s %s is refused before anything is made", async (option, value) => {
    const box = new Box([option, value]);
    expect(await box.program.outcome()).toMatchObject({ code: 1, lines: [{ type: "error" }] });
    expect(readdirSync(box.temporary)).toEqual([]);
  });

  test("killed with -9 leaves nothing behind, not even a frozen process", async () => {
    const box = await Box.start("--relays", "1");
    box.order("freeze bob");
    const pids = await box.pids();
    expect(pids).toHaveLength(4);
    await box.program.kill9();
    await expectGone(pids);
    await expect.poll(() => readdirSync(box.temporary).filter(isSandbox)).toEqual([]);
  });
});

describe.runIf(hasTmux())("on a terminal a sandbox", () => {
  test("keeps what is typed apart from what happens, completes it, and ends with Ctrl-C", async () => {
    const place = temporaryDirectory();
    const env = { PATH: process.env["PATH"] ?? "", HOME: place, TMPDIR: place, NODE_COMPILE_CACHE: PROGRAMS.codeCache };
    const tmux = new Tmux({ columns: 100, rows: 24 }, { ...env, TERM: "screen-256color", LANG: "C.UTF-8", PS1: "$ " });
    tmux.enter(`${process.execPath} ${PROGRAMS.p2pchat} sandbox; echo "left with $?"`);
    await tmux.sees(/^> *$/m);
    expect(tmux.text()).toMatch(/naming server http.*, alice, bob\n.*\n +export P2PCHAT_HOME=\S+\n/);
    const [, home = ""] = /P2PCHAT_HOME=(\S+)/.exec(tmux.text()) ?? [];
    tmux.type("cut alice b");
    tmux.press("Tab");
    await tmux.sees(/^> cut alice bob *$/m);
    const send = new Program([process.execPath, PROGRAMS.p2pchat, "--profile", "alice", "send", "bob", "hi"], {
      directory: place,
      env: { ...env, P2PCHAT_HOME: home },
    });
    expect((await send.outcome()).code).toBe(0);
    await tmux.sees(/^bob \| .* alice: hi\n> cut alice bob *$/m);
    expect(tmux.styled()).toMatch(/\x1b\[34mbob\x1b/);
    tmux.press("Enter");
    tmux.enter("status");
    await tmux.sees(/^bob runs \(process \d+\)\nalice - bob: cut\n> *$/m);
    tmux.enter("explode");
    await tmux.sees(/^p2pchat: there is no order explode; help lists them\n> *$/m);
    tmux.press("C-c");
    await tmux.sees(/^left with 130$/m);
    expect(tmux.mode().stty).toMatch(/ icanon .* echo /s);
    expect(existsSync(home)).toBe(false);
  });
});
