import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTmux } from "../support/capabilities.ts";
import { type Line, Program } from "../support/program.ts";
import { PROGRAMS } from "../support/programs.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { Tmux } from "../support/tmux.ts";

const STARTED_WITHIN_MS = 60_000;
/** The pause before the next try is most of it. */
const DELIVERED_WITHIN_MS = 60_000;

type Status = {
  readonly stations: readonly { readonly name: string; readonly state: string; readonly pid: number | null }[];
  readonly faults: readonly object[];
};

/** `p2pchat sandbox`, and what a test types into it. */
class Box {
  readonly temporary = temporaryDirectory();
  readonly program: Program;

  constructor(args: readonly string[] = [], stdin: "open" | string = "open") {
    const command = [process.execPath, PROGRAMS.p2pchat, "sandbox", "--json", ...args];
    this.program = new Program(command, { directory: this.temporary, env: this.environment(), stdin });
  }

  static async start(...args: readonly string[]): Promise<Box & { readonly line: Line }> {
    const box = new Box(args);
    return Object.assign(box, { line: await box.next("sandbox", STARTED_WITHIN_MS) });
  }

  environment(): Record<string, string> {
    const { temporary: place } = this;
    return { PATH: process.env["PATH"] ?? "", HOME: place, TMPDIR: place, NODE_COMPILE_CACHE: PROGRAMS.codeCache };
  }

  next(type: string, timeoutMs?: number): Promise<Line> {
    return this.program.next((line) => line.type === type, timeoutMs);
  }

  order(...orders: readonly string[]): void {
    for (const order of orders) this.program.stdin.write(`${order}\n`);
  }

  async status(): Promise<Status> {
    this.order("status");
    return (await this.next("sandbox-status")) as unknown as Status;
  }

  async send(from: string, to: string, text: string): Promise<unknown> {
    this.order(`send ${from} ${to} ${text}`);
    const { result } = (await this.next("sandbox-sent")) as unknown as { result: { state: string } };
    return result.state;
  }

  /** Sends, and it is shown over there, however long that takes. */
  async deliver(from: string, to: string, text: string): Promise<Line> {
    await this.send(from, to, text);
    return await this.shown(to, text);
  }

  shown(peer: string, text: string, timeoutMs = DELIVERED_WITHIN_MS): Promise<Line> {
    return this.program.next((line) => line["peer"] === peer && textOf(line) === text, timeoutMs);
  }

  /** How often that message was shown to them. */
  count(peer: string, text: string): number {
    return this.program.seen.filter((line) => line["peer"] === peer && textOf(line) === text).length;
  }

  async pids(): Promise<number[]> {
    const { stations } = await this.status();
    return stations.flatMap(({ pid }) => pid ?? []);
  }

  /** As somebody in another terminal. */
  run(profile: string, ...args: readonly string[]) {
    const env = { ...this.environment(), P2PCHAT_HOME: String(this.program.seen[0]?.["directory"]) };
    const command = [process.execPath, PROGRAMS.p2pchat, "--json", "--profile", profile, ...args];
    return new Program(command, { directory: this.temporary, env }).outcome();
  }
}

function textOf({ event }: Line): unknown {
  return typeof event === "object" && event !== null && "text" in event ? event.text : undefined;
}

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
  await expect.poll(() => pids.filter(isAlive), { timeout: 20_000 }).toEqual([]);
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
    await expect.poll(started, { timeout: 20_000 }).toBe(true);
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
    await expect.poll(() => readdirSync(box.temporary).filter(isSandbox), { timeout: 20_000 }).toEqual([]);
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

describe("a fault:", () => {
  test("a cut link carries nothing, either way, while others do; healed, it delivers once", async () => {
    const box = await Box.start("--peers", "3");
    await box.deliver("alice", "bob", "zero");
    box.order("cut alice bob");
    expect(await box.send("alice", "bob", "one")).toBe("queued");
    expect(await box.send("bob", "alice", "two")).toBe("queued");
    await box.deliver("carol", "bob", "three");
    await box.deliver("alice", "carol", "four");
    expect([box.count("bob", "one"), box.count("alice", "two")]).toEqual([0, 0]);
    box.order("heal alice bob");
    await Promise.all([box.shown("bob", "one"), box.shown("alice", "two")]);
    await box.deliver("alice", "bob", "five");
    expect([box.count("bob", "one"), box.count("alice", "two")]).toEqual([1, 1]);
  });

  test("what is dropped arrives once it is healed, and a delay holds for every way there and back", async () => {
    const box = await Box.start();
    await box.deliver("alice", "bob", "zero");
    box.order("drop alice bob");
    expect(await box.send("alice", "bob", "one")).toBe("queued");
    expect(box.count("bob", "one")).toBe(0);
    box.order("heal");
    await box.shown("bob", "one");
    await box.deliver("bob", "alice", "two");
    expect(box.count("bob", "one")).toBe(1);
    // There and back takes longer than an order waits.
    box.order("delay alice bob 1500ms");
    expect(await box.send("alice", "bob", "three")).toBe("queued");
    await box.shown("bob", "three");
  });

  test("who is frozen, stopped or killed takes nothing in, and gets what waits when that is over", async () => {
    const box = await Box.start();
    const bob = async () => (await box.status()).stations.find(({ name }) => name === "bob");
    const [{ pid = null } = {}] = [await bob()];
    box.order("freeze bob");
    expect(await bob()).toEqual({ name: "bob", state: "frozen", pid });
    expect(await box.send("alice", "bob", "frozen")).toBe("queued");
    expect(box.count("bob", "frozen")).toBe(0);
    box.order("thaw bob");
    await box.shown("bob", "frozen");
    expect(await bob()).toEqual({ name: "bob", state: "running", pid });
    for (const verb of ["stop", "kill"]) {
      box.order("freeze bob", `${verb} bob`);
      expect(await bob()).toEqual({ name: "bob", state: "stopped", pid: null });
      expect(await box.send("alice", "bob", verb)).toBe("queued");
      await box.send("bob", "alice", `after ${verb}`);
      box.order("start bob");
      await Promise.all([box.shown("bob", verb), box.shown("alice", `after ${verb}`)]);
    }
    // A message may be shown again after a kill; it is there once.
    const { lines } = await box.run("bob", "history", "alice");
    const received = lines.filter(({ from }) => from === "alice");
    expect(received.map(({ text }) => text)).toEqual(["frozen", "stop", "kill"]);
  });

  test("without the naming server people who know each other write on, and it comes back under its URL", async () => {
    const box = await Box.start();
    await box.deliver("alice", "bob", "zero");
    box.order("stop server");
    await box.deliver("alice", "bob", "one");
    expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ code: "SERVER_UNREACHABLE" }]);
    box.order("start server");
    await box.status();
    expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ type: "record" }]);
    box.order("cut alice server");
    await box.status();
    expect((await box.run("alice", "lookup", "bob")).lines).toMatchObject([{ code: "SERVER_UNREACHABLE" }]);
    expect((await box.run("bob", "lookup", "alice")).lines).toMatchObject([{ type: "record" }]);
  });

  test("a process that ends by itself is told of, and can be started again", async () => {
    const box = await Box.start();
    const { stations } = await box.status();
    const bob = stations.find(({ name }) => name === "bob")?.pid;
    process.kill(Number(bob), "SIGKILL");
    expect(await box.next("sandbox-ended")).toMatchObject({ name: "bob", exitCode: null, signal: "SIGKILL" });
    box.order("start bob");
    await box.deliver("alice", "bob", "one");
  });

  test("where the straight way is cut, a relay helps; where that is cut too, nothing does", async () => {
    const box = await Box.start("--relays", "1");
    box.order("cut alice bob", "cut alice relay1");
    expect(await box.send("alice", "bob", "one")).toBe("queued");
    box.order("heal alice relay1");
    await box.shown("bob", "one");
    expect((await box.status()).faults).toMatchObject([{ between: ["alice", "bob"], cut: true }]);
  });
});
