import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openKeystore } from "../../peer/identity/keystore.ts";
import { type Person, startWorld } from "../support/p2pchat.ts";
import { Program } from "../support/program.ts";
import { REPOSITORY } from "../support/programs.ts";

/** Everything of Node that writes memory to disk, on a signal or when it fails. */
const REVEALING = [
  "--heapsnapshot-signal=SIGUSR2",
  "--report-on-signal",
  "--report-signal=SIGQUIT",
  "--report-uncaught-exception",
  "--report-on-fatalerror",
].join(" ");

const allowingCores = ["sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh"];

/** Bob is registered; `written` tells of what appears on disk, files of a running profile and compiled code aside. */
async function bobOnDisk() {
  const world = await startWorld();
  const bob = await world.register("bob", "--no-passphrase");
  const files = () => readdirSync(world.directory, { recursive: true, encoding: "utf8" });
  const before = files();
  const isUsual = (name: string) => /^\.cache\b|chat\.db-(?:wal|shm)$|control\.sock$|lock\.pid$/.test(name);
  return { bob, written: () => files().filter((name) => !before.includes(name) && !isUsual(name)) };
}

/** `listen` by the launcher, as a shell finds it, where core dumps are allowed as far as possible. */
async function launch(bob: Person, nodeOptions = ""): Promise<Program> {
  const env = bob.environment();
  const path = `${dirname(process.execPath)}${delimiter}${env["PATH"] ?? ""}`;
  const listening = new Program([...allowingCores, join(REPOSITORY, "peer/p2pchat.cjs"), "listen", "--json"], {
    directory: bob.world.directory,
    env: { ...env, PATH: path, NODE_OPTIONS: nodeOptions },
  });
  await listening.next(({ type }) => type === "ready");
  return listening;
}

describe("the memory of a process that is made to dump it", () => {
  test("is in no core file: the launcher forbids them", async () => {
    const { bob, written } = await bobOnDisk();
    const listening = await launch(bob);
    if (process.platform === "linux") {
      expect(readFileSync(`/proc/${listening.pid}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m);
    }
    listening.signal("SIGABRT");
    expect(await listening.outcome()).toMatchObject({ signal: "SIGABRT" });
    expect(written()).toEqual([]);
  });

  test.each(["SIGUSR2", "SIGQUIT", "SIGABRT"] as const)(
    "is in no snapshot and no report, though NODE_OPTIONS asks for them, on %s",
    async (signal) => {
      const { bob, written } = await bobOnDisk();
      const listening = await launch(bob, REVEALING);
      listening.signal(signal);
      expect(await listening.outcome()).toMatchObject({ signal });
      expect(written()).toEqual([]);
    },
  );

  test("is left out of the core file of a checkout, which has no launcher", async () => {
    const { bob, written } = await bobOnDisk();
    const { secrets } = await openKeystore(join(bob.profile, "keystore.json"), async () => "");
    const listening = await bob.listen([], { wrapper: allowingCores });
    listening.signal("SIGABRT");
    await listening.outcome();
    for (const file of written().map((name) => join(bob.world.directory, name))) {
      expect(lstatSync(file).size).toBeLessThan(1 << 20);
      const content = readFileSync(file);
      for (const secret of Object.values(secrets)) expect(content.includes(secret)).toBe(false);
    }
  });
});
