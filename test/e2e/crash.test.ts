import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { canInjectFaults } from "../support/capabilities.ts";
import { aliceAndBob, type Person } from "../support/p2pchat.ts";
import type { Line } from "../support/program.ts";
import { killedAt, tracing } from "../support/system-faults.ts";

/** Every place where a write may stop halfway; `P2PCHAT_THOROUGH` tries each, otherwise a few of each kind. */
const CALLS = ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink"];
const THOROUGH = process.env["P2PCHAT_THOROUGH"] !== undefined;
const PLACES_OF_A_KIND = THOROUGH ? Number.POSITIVE_INFINITY : 3;

const textsOf = (lines: readonly Line[]) => lines.filter(({ type }) => type === "message").map(({ text }) => text);

function integrityOf(person: Person): unknown {
  using database = new DatabaseSync(join(person.profile, "chat.db"), { readOnly: true });
  return database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
}

/** How often each call was made by the thread that made most of them. */
function countCalls(trace: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, thread, call] of trace.matchAll(/^(\d+)\s+(\w+)\(/gm)) {
    const key = `${call} ${thread}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const most = new Map<string, number>();
  for (const [key, count] of counts) {
    const call = key.split(" ")[0] ?? "";
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}

/** First, last, and evenly between. */
function someOf(first: number, last: number): number[] {
  const all = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  const step = Math.max(1, (all.length - 1) / (PLACES_OF_A_KIND - 1));
  return all.length <= PLACES_OF_A_KIND
    ? all
    : Array.from({ length: PLACES_OF_A_KIND }, (_, index) => all[Math.round(index * step)] ?? last);
}

describe.skipIf(!canInjectFaults())("a process killed in the middle of a system call", () => {
  test("while it sends: the message is there whole or not at all, and the same --id again is harmless", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    await alice.send("bob", "acquainted");
    // From here on she is no stranger, who may write only so much.
    await bob.send("alice", "go on", "--wait", "queued");
    const log = join(alice.world.directory, "calls");
    const send = (text: string, wrapper: readonly string[] = []) =>
      alice.run(["send", "bob", "--json", "--wait", "queued", "--id", text], { stdin: text, wrapper });
    await send("traced", tracing(CALLS.join(","), log));
    const expected = ["acquainted", "traced"];
    let killed = 0;
    for (const [call, count] of countCalls(readFileSync(log, "utf8"))) {
      for (const when of someOf(1, count)) {
        const text = `killed at ${call} ${when}`;
        const { signal, code } = await send(text, killedAt(call, when));
        if (signal === "SIGKILL") killed += 1;
        else expect(code).toBe(0);
        expect(integrityOf(alice)).toBe("ok");
        expect(await send(text)).toMatchObject({ code: 0, lines: [{ type: "send" }] });
        expected.push(text);
      }
    }
    expect(killed).toBeGreaterThan(CALLS.length);
    expect(await alice.send("bob", "last")).toMatchObject({ exit: 0 });
    await listening.nextMessage("last");
    expect(textsOf(listening.seen)).toEqual([...expected, "last"]);
    const { lines } = await alice.run(["history", "bob", "--json", "--limit", "1000"]);
    expect(textsOf(lines.filter(({ from }) => from === "alice"))).toEqual([...expected, "last"]);
  }, 300_000);

  test("while it receives, before the commit or between it and the acknowledgement: shown once, and the sender knows", async () => {
    const { alice, bob, listening } = await aliceAndBob();
    const sender = await alice.listen();
    await alice.send("bob", "acquainted");
    await bob.send("alice", "so that bob dials in");
    await listening.stop();
    const log = join(alice.world.directory, "calls");
    const traced = await bob.listen([], { wrapper: tracing(CALLS.join(","), log) });
    const before = countCalls(readFileSync(log, "utf8"));
    expect(await alice.send("bob", "traced")).toMatchObject({ exit: 0 });
    await traced.nextMessage("traced");
    await traced.stop();
    const after = countCalls(readFileSync(log, "utf8"));
    const expected: string[] = [];
    const shown: Line[] = [];
    let killed = 0;
    for (const [call, count] of after) {
      for (const when of someOf((before.get(call) ?? 0) + 1, count)) {
        const text = `killed at ${call} ${when}`;
        const victim = await bob.listen([], { wrapper: killedAt(call, when) });
        const sending = alice.send("bob", text, "--timeout", "60s");
        const outcome = await Promise.race([victim.exited, sending.then(() => undefined)]);
        if (outcome?.signal === "SIGKILL") killed += 1;
        else await victim.stop();
        expect(integrityOf(bob)).toBe("ok");
        const next = await bob.listen();
        expect(await sending).toMatchObject({ exit: 0, line: { state: "stored" } });
        if (!textsOf(victim.seen).includes(text)) await next.nextMessage(text);
        await next.stop();
        shown.push(...victim.seen, ...next.seen);
        expected.push(text);
      }
    }
    expect(killed).toBeGreaterThan(CALLS.length / 2);
    // Killed between printing a line and noting that, it prints the line again.
    const once = [...new Map(shown.filter(({ id }) => id !== undefined).map((line) => [line.id, line])).values()];
    expect(textsOf(once)).toEqual(expected);
    expect(textsOf(shown).length - once.length).toBeLessThanOrEqual(killed);
    const history = textsOf((await bob.run(["history", "alice", "--json", "--limit", "1000"])).lines);
    expect(history).toEqual(["acquainted", "so that bob dials in", "traced", ...expected]);
    expect(sender.isRunning).toBe(true);
  }, 300_000);
});
