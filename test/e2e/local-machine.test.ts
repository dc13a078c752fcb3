import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openKeystore } from "../../peer/identity/keystore.ts";
import { encodeBase64url } from "../../shared/base64url.ts";
import { isRoot } from "../support/capabilities.ts";
import { aliceAndBob, type Person, startWorld, strangers, type World } from "../support/p2pchat.ts";
import { Program } from "../support/program.ts";

/** Everything below a directory with its type and mode, such as `alice/chat.db f 600`. */
function listing(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => {
      const found = lstatSync(join(directory, name));
      const kind = found.isDirectory() ? "d" : found.isSocket() ? "s" : found.isFile() ? "f" : "?";
      return `${name} ${kind} ${(found.mode & 0o7777).toString(8)}`;
    })
    .toSorted();
}

const underUmask = (umask: string) => ["sh", "-c", 'umask "$0" && exec "$@"', umask];

describe("files", () => {
  test.each(["000", "022", "077"])("of a profile in use are private under umask %s", async (umask) => {
    const world = await startWorld();
    const wrapper = underUmask(umask);
    const alice = world.person("alice");
    await alice.run(["register", "alice", "--server", world.url, "--no-passphrase"], { wrapper });
    const bob = await world.register("bob", "--no-passphrase");
    const listening = await bob.listen();
    const daemon = await alice.listen([], { wrapper });
    await alice.run(["send", "bob", "hi"], { wrapper });
    await listening.nextMessage("hi");
    const running = listing(alice.profile);
    expect(running.map((line) => line.split(" ")[0])).toEqual(
      expect.arrayContaining([
        "chat.db",
        "chat.db-wal",
        "chat.db-shm",
        "control.sock",
        "keystore.json",
        "profile.json",
      ]),
    );
    for (const line of running) expect(line).toMatch(/ (f|s) 600$/);
    expect(lstatSync(alice.profile).mode & 0o777).toBe(0o700);
    await daemon.stop();
    await alice.run(["send", "bob", "again"], { wrapper });
    for (const line of listing(alice.profile)) expect(line).toMatch(/ f 600$/);
    expect(listing(world.temporary)).toEqual([]);
  });

  test("whose modes are too wide are narrowed when the profile is opened", async () => {
    const { alice } = await strangers();
    chmodSync(alice.profile, 0o777);
    for (const name of readdirSync(alice.profile)) chmodSync(join(alice.profile, name), 0o666);
    expect(await alice.ask(["whoami"])).toMatchObject({ exit: 0 });
    expect(lstatSync(alice.profile).mode & 0o777).toBe(0o700);
    for (const line of listing(alice.profile)) expect(line).toMatch(/ f 600$/);
  });

  test("that somebody else could have planted are refused", async () => {
    const { world, alice } = await strangers();
    const real = join(world.directory, "elsewhere");
    renameSync(alice.profile, real);
    symlinkSync(real, alice.profile);
    const symlinked = await alice.ask(["whoami"]);
    expect(symlinked).toMatchObject({ exit: 1, line: { type: "error", code: "PROFILE_UNSAFE", reason: "symlink" } });
    const open = join(world.directory, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const exposed = world.person("alice", { P2PCHAT_HOME: open });
    renameSync(real, join(open, "alice"));
    expect(await exposed.ask(["whoami"])).toMatchObject({
      exit: 1,
      line: { code: "PROFILE_UNSAFE", reason: "parent" },
    });
    chmodSync(open, 0o1777);
    expect(await exposed.ask(["whoami"])).toMatchObject({ exit: 0 });
  });

  test.skipIf(!isRoot())("that belong to another user are refused", async () => {
    const { alice } = await strangers();
    chownSync(join(alice.profile, "keystore.json"), 65_534, 65_534);
    expect(await alice.ask(["whoami"])).toMatchObject({ exit: 1, line: { code: "PROFILE_UNSAFE", reason: "owner" } });
  });
});

describe("the control socket", () => {
  const socketOf = (person: Person) => join(person.profile, "control.sock");

  /** Writes to the socket, whatever comes back, until the other side has had enough or `bytes` are written. */
  function flood(path: string, chunk: Buffer, bytes: number): Promise<number> {
    return new Promise((resolve) => {
      const socket = createConnection(path);
      let written = 0;
      const more = () => {
        while (!socket.destroyed && written < bytes) {
          written += chunk.length;
          if (!socket.write(chunk)) return;
        }
        if (written >= bytes) socket.end();
      };
      socket
        .on("connect", more)
        .on("drain", more)
        .on("error", () => undefined);
      socket.on("close", () => resolve(written)).resume();
    });
  }

  test("outlives garbage, endless lines and more callers than it takes, and goes on serving", async () => {
    const { bob, listening } = await aliceAndBob();
    const path = socketOf(bob);
    const gigabyte = await flood(path, Buffer.alloc(1 << 20, "x"), 1 << 30);
    expect(gigabyte).toBeLessThan(64 << 20);
    await flood(path, Buffer.from('{"jsonrpc":"2.0","id":1,"method":"whoami"'.repeat(3000)), 1 << 20);
    await flood(path, Buffer.from(`${"[".repeat(100_000)}\n`), 1 << 18);
    await flood(path, Buffer.from([0xff, 0xfe, 0x00, 0x0a]), 1 << 12);
    const idle = Array.from({ length: 200 }, () =>
      createConnection(path)
        .on("error", () => undefined)
        .resume(),
    );
    await Promise.all(
      idle.map((socket) => new Promise((resolve) => socket.once("connect", resolve).once("close", resolve))),
    );
    for (const socket of idle) socket.destroy();
    expect((await bob.ask(["status"])).line).toMatchObject({ type: "status", daemon: { pid: listening.pid } });
    expect(listening.stderr).toBe("");
  });
});

describe.skipIf(!isRoot())("another user", () => {
  /** Tries to connect, to read and to write, each path as its name says, and prints what came of it. */
  const PROBE = `
    const { closeSync, lstatSync, openSync, readdirSync } = require("node:fs");
    const outcomes = {};
    const attempt = (what, run) => {
      try { run(); outcomes[what] = "succeeded"; } catch ({ code }) { outcomes[what] = code; }
    };
    const [socket, directory, ...files] = process.argv.slice(1);
    attempt("list " + directory, () => readdirSync(directory));
    for (const file of files) {
      attempt("read " + file, () => closeSync(openSync(file, "r")));
      attempt("write " + file, () => closeSync(openSync(file, "r+")));
    }
    const done = (outcome) => console.log(JSON.stringify({ ...outcomes, ["connect " + socket]: outcome }));
    require("node:net").connect(socket).on("error", ({ code }) => done(code)).on("connect", () => process.exit(done("succeeded")));
  `;
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

  test.each([0o700, 0o755])(
    "gets at no file and not at the control socket, under a directory of mode %o",
    async (mode) => {
      const { world, bob } = await aliceAndBob();
      for (const above of [world.directory, world.home]) chmodSync(above, 0o755);
      chmodSync(bob.profile, mode);
      const files = readdirSync(bob.profile).map((name) => join(bob.profile, name));
      const socket = join(bob.profile, "control.sock");
      expect(files).toContain(socket);
      const command = [...nobody, process.execPath, "-e", PROBE, socket, bob.profile, ...files];
      const probe = new Program(command, { directory: world.directory, env: {} });
      const { stdout } = await probe.outcome();
      const { [`list ${bob.profile}`]: listed, ...outcomes } = JSON.parse(stdout) as Record<string, string>;
      expect(listed).toBe(mode === 0o700 ? "EACCES" : "succeeded");
      expect(Object.keys(outcomes)).toHaveLength(2 * files.length + 1);
      expect(new Set(Object.values(outcomes))).toEqual(new Set(["EACCES"]));
    },
  );
});

describe("secrets", () => {
  test("are not accepted as an argument or in the environment", async () => {
    const { alice } = await strangers();
    for (const option of ["--passphrase", "--passphrase=hunter2"]) {
      expect(await alice.ask(["whoami", option])).toMatchObject({ exit: 1, line: { code: "USAGE" } });
    }
    const inEnvironment = await alice.ask(["whoami"], { env: { P2PCHAT_PASSPHRASE: "hunter2 hunter2" } });
    expect(inEnvironment).toMatchObject({ exit: 1, line: { code: "CONFIG_INVALID" } });
    expect(JSON.stringify(inEnvironment.line)).not.toContain("hunter2");
  });

  /** How many TCP sockets in state LISTEN a process holds. */
  function listeningSockets({ pid }: Program): number {
    const listed = ["tcp", "tcp6"].flatMap((kind) => readFileSync(`/proc/${pid}/net/${kind}`, "utf8").split("\n"));
    const fields = listed.map((line) => line.trim().split(/\s+/));
    const inodes = new Set(fields.filter(([, , , state]) => state === "0A").map((field) => `socket:[${field[9]}]`));
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => inodes.has(targetOf(`/proc/${pid}/fd/${fd}`))).length;
  }

  function targetOf(link: string): string {
    try {
      return readlinkSync(link);
    } catch {
      return "closed meanwhile";
    }
  }

  test("are out of a debugger's reach: neither SIGUSR1 nor NODE_OPTIONS opens a port", async () => {
    const { bob, listening } = await aliceAndBob();
    const before = listeningSockets(listening);
    expect(before).toBeGreaterThan(0);
    listening.signal("SIGUSR1");
    expect((await bob.ask(["status"])).exit).toBe(0);
    expect(listeningSockets(listening)).toBe(before);
    expect(listening.stderr).toBe("");
    const inspected = await bob.run(["whoami", "--json"], { env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" } });
    expect(inspected).toMatchObject({ code: 0, lines: [{ type: "whoami" }] });
  });

  test("and texts and names are in no file of a sealed profile, in no temporary file, and in no log", async () => {
    const text = "canary-text-48151623";
    const name = "canary-name-4815";
    const { alice, bob, world } = await sealedPair(name);
    const listening = await bob.listen(["--verbose"]);
    const daemon = await alice.listen(["--verbose"]);
    expect(await alice.send(name, text)).toMatchObject({ exit: 0 });
    expect(await bob.send("alice", text)).toMatchObject({ exit: 0 });
    await Promise.all([listening.nextMessage(text), daemon.nextMessage(text)]);
    await alice.run(["history", name, "--search", "canary"]);
    await alice.send(name, `${text} queued`, "--wait", "queued");
    const { secrets } = await openKeystore(join(alice.profile, "keystore.json"), async () => PASSPHRASE);
    const keys = [secrets.identitySeed, secrets.deviceSeed, secrets.dataKey].map((key) => Buffer.from(key));
    const canaries = [
      ...[text, name].map((canary) => Buffer.from(canary)),
      ...keys.flatMap((key) => [key, ...["hex", "base64"].map((form) => Buffer.from(key.toString(form as "hex")))]),
      ...keys.map((key) => Buffer.from(encodeBase64url(key))),
    ];
    const scan = () => found([alice.profile, world.temporary], canaries);
    expect(found([alice.profile], [Buffer.from("alice")])).toEqual([join(alice.profile, "profile.json")]);
    expect(scan()).toEqual([]);
    await Promise.all([daemon.stop(), listening.stop()]);
    expect(scan()).toEqual([]);
    for (const log of [daemon.stderr, listening.stderr]) {
      for (const canary of canaries) expect(log).not.toContain(canary.toString());
    }
  });
});

const PASSPHRASE = "correct horse battery staple";

/** Alice seals her keys with a passphrase; the other one has a name that can be searched for. */
async function sealedPair(name: string): Promise<{ world: World; alice: Person; bob: Person }> {
  const world = await startWorld();
  const file = join(world.directory, "passphrase");
  writeFileSync(file, PASSPHRASE, { mode: 0o600 });
  const alice = world.person("alice", { P2PCHAT_PASSPHRASE_FILE: file });
  await alice.register();
  return { world, alice, bob: await world.register(name, "--no-passphrase") };
}

/** The files below these directories that hold one of these byte strings. */
function found(directories: readonly string[], canaries: readonly Buffer[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .map((name) => join(directory, name))
      .filter((path) => lstatSync(path).isFile())
      .filter((path) => {
        const content = readFileSync(path);
        return canaries.some((canary) => content.includes(canary));
      }),
  );
}
