import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aliceAndBob, type Person, strangers } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";
import { PROGRAMS } from "../support/programs.ts";

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

/** A command for `--exec` that appends what it reads to a file, and fails as long as another file is there, which may say for whom. */
function recorder(person: Person) {
  const { directory } = person.world;
  const [script, log, obstacle] = ["record.mjs", "log", "obstacle"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    script,
    `import { appendFileSync, existsSync, readFileSync } from "node:fs";
     const event = JSON.parse(readFileSync(0, "utf8"));
     const failing = existsSync(${JSON.stringify(obstacle)})
       && ["", event.from].includes(readFileSync(${JSON.stringify(obstacle)}, "utf8"));
     appendFileSync(${JSON.stringify(log)}, JSON.stringify({ ...event, failing }) + "\\n");
     process.exitCode = failing ? 1 : 0;`,
  );
  const lines = (): Line[] =>
    existsSync(log)
      ? readFileSync(log, "utf8")
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line))
      : [];
  const options = ["--exec", process.execPath, "--", script];
  return { options, lines, obstacle };
}

describe("consumers", () => {
  test("beside a daemon each get every message, and go on where each was, whether the daemon prints or not", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    const [bot, alarm] = [await bob.listen(["--consumer", "bot"]), await bob.listen(["--consumer", "alarm"])];
    await alice.send("bob", "one");
    for (const reader of [listening, bot, alarm])
      expect(await reader.nextMessage("one")).toMatchObject({ from: "alice" });
    expect(await alarm.stop()).toMatchObject({ code: 0, stderr: "" });
    await alice.send("bob", "two");
    await bot.nextMessage("two");
    const again = await bob.listen(["--consumer", "alarm"]);
    await again.nextMessage("two");
    expect(textsOf(again.seen)).toEqual(["two"]);
    expect((await bot.stop()).code).toBe(0);
    expect(listening.isRunning).toBe(true);
  });

  test("are refused where somebody reads under that name, or reads without one beside a daemon", async () => {
    const { bob, listening } = await aliceAndBob();
    await bob.listen(["--consumer", "bot"]);
    const busy = { exit: 1, line: { type: "error", code: "PROFILE_BUSY" } };
    expect(await bob.ask(["listen", "--consumer", "bot"])).toMatchObject({ ...busy, line: { reason: "consumer" } });
    const second = await bob.ask(["listen"]);
    expect(second).toMatchObject({ ...busy, line: { details: { pid: listening.pid } } });
    expect(await bob.ask(["listen", "--consumer", "other", "--port", "4001"])).toMatchObject(busy);
  });

  test("are daemons themselves where none is, and say so where the daemon that they read from ends", async () => {
    const { alice, bob } = await strangers();
    const host = await bob.listen(["--consumer", "bot"]);
    const guest = await bob.listen(["--consumer", "alarm"]);
    expect(await alice.send("bob", "one")).toMatchObject({ exit: 0 });
    for (const reader of [host, guest]) await reader.nextMessage("one");
    await host.kill9();
    expect(await guest.outcome()).toMatchObject({
      code: 3,
      lines: expect.arrayContaining([
        { v: 1, type: "error", code: "PEER_UNREACHABLE", message: expect.any(String), reason: "daemon" },
      ]),
    });
    const alone = await bob.listen([]);
    await alone.nextMessage("one");
  });

  test("that are new begin with the first message, or with what is to come", async () => {
    const { alice, bob } = await aliceAndBob();
    await alice.send("bob", "one");
    const all = await bob.listen(["--consumer", "all"]);
    await all.nextMessage("one");
    const late = await bob.listen(["--consumer", "late", "--since", "now"]);
    await alice.send("bob", "two");
    await late.nextMessage("two");
    expect(textsOf(late.seen)).toEqual(["two"]);
  });
});

describe("with --ack", () => {
  test("what was printed and not acknowledged comes again after kill -9, what was acknowledged does not", async () => {
    const { alice, bob } = await aliceAndBob();
    const options = ["--consumer", "bot", "--ack"];
    const bot = await bob.listen(options, { stdin: "open" });
    for (const text of ["one", "two", "three"]) await alice.send("bob", text);
    await bot.nextMessage("one");
    const two = await bot.nextMessage("two");
    await bot.nextMessage("three");
    bot.stdin.write(`${two["cursor"]}\n`);
    // Another process sees the place move.
    await expect.poll(() => bob.placeOf("consumer/bot")).toBe(two["cursor"]);
    await bot.kill9();
    const again = await bob.listen(options, { stdin: "open" });
    const three = await again.nextMessage("three");
    expect(textsOf(again.seen)).toEqual(["three"]);
    again.stdin.end(`${three["cursor"]}\n`);
    expect(await again.outcome()).toMatchObject({ code: 0 });
    const last = await bob.listen(options, { stdin: "open" });
    await alice.send("bob", "four");
    await last.nextMessage("four");
    expect(textsOf(last.seen)).toEqual(["four"]);
  });

  test("a daemon does the same, and a cursor that was not printed is a mistake", async () => {
    const { alice, bob } = await strangers();
    const listening = await bob.listen(["--ack"], { stdin: "open" });
    await alice.send("bob", "one");
    await listening.nextMessage("one");
    await listening.kill9();
    const again = await bob.listen(["--ack"], { stdin: "open" });
    const one = await again.nextMessage("one");
    again.stdin.write(`${one["cursor"]}\n9999\n`);
    expect(await again.outcome()).toMatchObject({
      code: 1,
      lines: expect.arrayContaining([expect.objectContaining({ code: "USAGE" })]),
    });
    const last = await bob.listen();
    await alice.send("bob", "two");
    await last.nextMessage("two");
    expect(textsOf(last.seen)).toEqual(["two"]);
  });
});

describe("with --exec", () => {
  test("a command reads each event, knows the profile, and is run again until it succeeds", async () => {
    const { alice, bob } = await strangers();
    const { options, lines, obstacle } = recorder(bob);
    writeFileSync(obstacle, "");
    const listening = await bob.listen(options);
    await alice.send("bob", "one; touch /tmp/$(id)\n\u2028");
    await alice.send("bob", "two");
    await expect.poll(() => lines().length).toBeGreaterThan(1);
    rmSync(obstacle);
    await expect
      .poll(() => textsOf(lines().filter(({ failing }) => !failing)))
      .toEqual(["one; touch /tmp/$(id)\n\u2028", "two"]);
    const failed = lines().filter(({ failing }) => failing);
    expect(new Set(textsOf(failed))).toEqual(new Set(["one; touch /tmp/$(id)\n\u2028"]));
    expect(failed[0]).toMatchObject({ v: 1, type: "message", from: "alice" });
    expect(await listening.stop()).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("ended with exit code 1"),
    });
    expect(textsOf((await bob.listen()).seen)).toEqual([]);
  });

  test("an event that keeps failing is given up, with an error that names it, and does not come again", async () => {
    const { alice, bob } = await strangers();
    const { options, lines, obstacle } = recorder(bob);
    writeFileSync(obstacle, "");
    const listening = await bob.listen(["--exec-retries", "1", ...options]);
    const { id } = (await alice.send("bob", "poison")).line;
    const error = await listening.next(({ type }) => type === "error");
    const cursor = lines()[0]?.["cursor"];
    expect(error).toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("ended with exit code 1"),
      details: { event: "message", id, from: "alice", cursor, tries: 2 },
    });
    rmSync(obstacle);
    await alice.send("bob", "two");
    await expect.poll(() => textsOf(lines())).toEqual(["poison", "poison", "two"]);
    await listening.stop();
    expect(bob.placeOf("listen")).toBeGreaterThan(Number(cursor));
  });

  test("nothing is lost because nobody reads standard output, and what failed comes again after kill -9", async () => {
    const { alice, bob } = await strangers();
    const { options, lines, obstacle } = recorder(bob);
    const listening = await bob.listen(["--jobs", "4", ...options]);
    listening.closeStdout();
    for (const text of ["one", "two"]) await alice.send("bob", text);
    await expect.poll(() => textsOf(lines())).toEqual(["one", "two"]);
    writeFileSync(obstacle, "");
    await alice.send("bob", "three");
    await expect.poll(() => lines().length).toBeGreaterThan(2);
    await listening.kill9();
    const count = lines().length;
    await bob.listen(options);
    await expect.poll(() => lines().length).toBeGreaterThan(count);
    expect(textsOf(lines()).slice(0, 3)).toEqual(["one", "two", "three"]);
    expect(new Set(textsOf(lines().slice(2)))).toEqual(new Set(["three"]));
  });

  test.each(["as a daemon", "beside one"])(
    "what was done behind an event that fails is not done again after kill -9, and its tries go on: %s",
    async (where) => {
      const { alice, bob } = await strangers();
      const carol = await alice.world.register("carol", "--no-passphrase");
      if (where === "beside one") await bob.listen();
      const { options, lines, obstacle } = recorder(bob);
      writeFileSync(obstacle, "alice");
      const listen = (retries: string) => bob.listen(["--consumer", "bot", "--exec-retries", retries, ...options]);
      const first = await listen("1000000");
      await alice.send("bob", "poison");
      await carol.send("bob", "fine");
      const counted = () => bob.aheadOf("consumer/bot");
      await expect.poll(counted, { timeout: 20_000 }).toMatchObject({ done: [[2, 2]], failed: [{ cursor: 1 }] });
      await first.kill9();
      const failures = counted()?.failed[0]?.failures ?? 0;
      const second = await listen("1");
      const error = await second.next(({ type }) => type === "error");
      expect(error).toMatchObject({ code: "COMMAND_FAILED", details: { from: "alice", tries: failures + 1 } });
      expect(failures).toBeGreaterThan(0);
      await expect.poll(() => bob.placeOf("consumer/bot")).toBe(2);
      expect(textsOf(lines()).filter((text) => text === "fine")).toEqual(["fine"]);
      expect(textsOf(second.seen)).toEqual(["poison"]);
      expect(counted()).toBeUndefined();
    },
  );

  test("a command can answer through the daemon that runs it", async () => {
    const { alice, bob } = await strangers();
    const script = join(bob.world.directory, "echo.mjs");
    writeFileSync(
      script,
      `import { readFileSync } from "node:fs";
       import { spawnSync } from "node:child_process";
       const { type, from, text } = JSON.parse(readFileSync(0, "utf8"));
       const { P2PCHAT_PROFILE: _, ...env } = { ...process.env };
       if (type === "message") {
         const [program] = process.argv.slice(2);
         const { status } = spawnSync(process.execPath, [program, "send", from, "--profile", process.env.P2PCHAT_PROFILE], { input: "echo " + text, env });
         process.exitCode = status;
       }`,
    );
    await bob.listen(["--exec", process.execPath, "--", script, PROGRAMS.p2pchat]);
    const hearing = await alice.listen();
    await alice.send("bob", "hi");
    await hearing.nextMessage("echo hi");
  });
});
