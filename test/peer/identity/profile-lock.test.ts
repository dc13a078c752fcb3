import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openProfileDirectory, type ProfileDirectory } from "../../../peer/identity/profile-directory.ts";
import { acquireProfileLock, type ProfileLock, tryAcquireProfileLock } from "../../../peer/identity/profile-lock.ts";
import { nextLine, startScript } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const HOLDER = new URL("./lock-holder-script.ts", import.meta.url);
const PATIENCE_MS = 20_000;

function newDirectory(): ProfileDirectory {
  return openProfileDirectory({ home: temporaryDirectory(), profile: "default", create: true });
}

function acquired(answer: ReturnType<typeof tryAcquireProfileLock>): ProfileLock {
  if ("release" in answer) return answer;
  throw new Error(`held by ${answer.heldBy}`);
}

async function startHolder({ path }: ProfileDirectory) {
  const child = startScript(HOLDER, [path]);
  expect(await nextLine(child)).toBe("held");
  return child;
}

describe("the lock of a profile", () => {
  test("is one process's at a time, and names it", async () => {
    const directory = newDirectory();
    const child = await startHolder(directory);
    expect(tryAcquireProfileLock(directory)).toEqual({ heldBy: child.pid });
    const error = await expectError(acquireProfileLock(directory, { timeoutMs: 60 }), "PROFILE_BUSY");
    expect(error.details).toEqual({ pid: child.pid });
  });

  test("is free after kill -9, and a pid that the dead left behind is not believed", async () => {
    const directory = newDirectory();
    const child = await startHolder(directory);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(readdirSync(directory.path)).toContain("lock.pid");
    const lock = acquired(tryAcquireProfileLock(directory));
    expect(tryAcquireProfileLock(directory)).toEqual({ heldBy: process.pid });
    for (const left of [`${child.pid}\n`, "", "0", "-1", "no pid"]) {
      writeFileSync(directory.file("lock.pid"), left);
      expect(tryAcquireProfileLock(directory)).toEqual({ heldBy: undefined });
    }
    lock.release();
  });

  test("goes to who waits, once it is released", async () => {
    const directory = newDirectory();
    const child = await startHolder(directory);
    const waiting = acquireProfileLock(directory, { timeoutMs: PATIENCE_MS });
    child.stdin.end("release\n");
    (await waiting).release();
    expect(readdirSync(directory.path)).toEqual(["lock"]);
  });

  test("is taken by one of many who ask at once, again and again", async () => {
    const directory = newDirectory();
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await acquireProfileLock(directory, { timeoutMs: PATIENCE_MS });
        most = Math.max(most, ++inside);
        await new Promise(setImmediate);
        inside--;
        lock.release();
      }),
    );
    expect(most).toBe(1);
  });

  test("goes to exactly one of several processes", async () => {
    const directory = newDirectory();
    const children = Array.from({ length: 4 }, () => startScript(HOLDER, [directory.path]));
    const answers = await Promise.all(children.map(nextLine));
    const holder = children[answers.indexOf("held")];
    expect(answers.toSorted()).toEqual(["busy", "busy", "busy", "held"]);
    expect(tryAcquireProfileLock(directory)).toEqual({ heldBy: holder?.pid });
  });

  test("stays held when its own process tries again, or opens the directory again", async () => {
    const home = temporaryDirectory();
    const directory = openProfileDirectory({ home, profile: "default", create: true });
    const lock = acquired(tryAcquireProfileLock(directory));
    tryAcquireProfileLock(openProfileDirectory({ home, profile: "default", create: false }));
    const child = startScript(HOLDER, [directory.path]);
    expect(await nextLine(child)).toBe("busy");
    lock.release();
  });

  test("can be released twice without freeing the next holder's", () => {
    const directory = newDirectory();
    const first = acquired(tryAcquireProfileLock(directory));
    first.release();
    const second = acquired(tryAcquireProfileLock(directory));
    first.release();
    expect(tryAcquireProfileLock(directory)).toEqual({ heldBy: process.pid });
    second.release();
  });

  test("is waited for until somebody interrupts", async () => {
    const directory = newDirectory();
    const lock = acquired(tryAcquireProfileLock(directory));
    const controller = new AbortController();
    const waiting = acquireProfileLock(directory, { timeoutMs: PATIENCE_MS, signal: controller.signal });
    controller.abort();
    await expectError(waiting, "INTERRUPTED");
    lock.release();
    acquired(tryAcquireProfileLock(directory)).release();
  });
});
