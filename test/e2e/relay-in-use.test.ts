import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { acquaint, hasRelayed, type Listener, listen, listenWithMailbox } from "../support/mail-people.ts";
import { call, register, signIn } from "../support/naming-server.ts";
import { startWorld, strangers, type World } from "../support/p2pchat.ts";
import { personOf } from "../support/people.ts";
import { Relay, startRelays } from "../support/relay-in-world.ts";
import { spawnRelay } from "../support/relay-process.ts";

/** A relay must end in this time, whoever is connected. */
const STOPPED_WITHIN_MS = 10_000;
const TIMEOUT_MS = 25_000;

const TEXT = "canary in a coal mine";
const NAMES = ["heron-canary", "stork-canary"] as const;
const underUmask = ["sh", "-c", 'umask "$0" && exec "$@"', "000"];

/** Every regular file below a directory with what it holds. */
function contentOf(directory: string): [string, Buffer][] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => lstatSync(join(directory, name)).isFile())
    .map((name) => [name, readFileSync(join(directory, name))]);
}

function expectAbsent(needles: readonly (string | Uint8Array)[], files: readonly [string, Buffer][]): void {
  expect(files.length).toBeGreaterThan(0);
  for (const needle of needles) {
    expect(files.filter(([, content]) => content.includes(needle)).map(([name]) => name)).toEqual([]);
  }
}

const deviceOf = ({ program }: Listener) => parseDeviceId(String(program.seen[0]?.["peerId"]));

/** What would tell who somebody is, in each spelling. */
function tracesOf(listener: Listener): (string | Uint8Array)[] {
  const device = deviceOf(listener);
  const key = publicKeyOfDevice(device);
  const spelt = (["hex", "base64", "base64url"] as const).map((encoding) => Buffer.from(key).toString(encoding));
  return [listener.person.name, device, key, ...spelt];
}

/** How many relays the naming server lists, whenever it is asked. */
async function countingRelays(world: World): Promise<() => Promise<number>> {
  const eve = personOf("eve", { aud: world.url });
  await register(world.server, eve);
  const token = await signIn(world.server, eve);
  return async () => {
    const { json } = await call(world.server, "GET", "/v1/relays", { token });
    return (json as { relays: string[] }).relays.length;
  };
}

describe("a relay that people use", () => {
  test.each([
    ["all it could tell", ["--verbose"]],
    ["failures only", []],
  ])("knows nobody, on disk or in a log of %s; ends within 10 s, and is off the list", async (_, args) => {
    const world = await startWorld();
    const [relay] = await startRelays(world, ["relay"], { args, wrapper: underUmask });
    if (relay === undefined) throw new Error("no relay");
    const [heron, stork] = NAMES.map((name) => world.person(name, { P2PCHAT_RELAYS: relay.address }));
    if (heron === undefined || stork === undefined) throw new Error("nobody is there");
    await Promise.all([heron, stork].map((person) => person.register("--no-passphrase")));
    const [sender, recipient] = await Promise.all([listenWithMailbox(heron, 1), listenWithMailbox(stork, 1)]);
    await acquaint(sender, recipient);
    await recipient.program.stop();
    expect(await heron.send(stork.name, TEXT, "--wait", "relayed", "--timeout", "60s")).toMatchObject({ exit: 0 });

    const traces = [TEXT, ...tracesOf(sender), ...tracesOf(recipient)];
    expect(await relay.metric("parcels")).toBeGreaterThan(0);
    expectAbsent(traces, contentOf(relay.directory));
    expect(lstatSync(relay.directory).mode & 0o777).toBe(0o700);
    const names = readdirSync(relay.directory);
    expect(names).toEqual(expect.arrayContaining(["relay.json", "mailbox.db", "mailbox.db-wal", "mailbox.db-shm"]));
    for (const name of names) expect(lstatSync(join(relay.directory, name)).mode & 0o777).toBe(0o600);

    const back = await listen(stork);
    await back.program.nextMessage(TEXT);
    for (const { profile } of [heron, stork]) expectAbsent([TEXT], contentOf(profile));
    expectAbsent(traces, contentOf(relay.directory));

    const listed = await countingRelays(world);
    await expect.poll(listed, { timeout: TIMEOUT_MS, interval: 500 }).toBe(1);
    const asked = performance.now();
    expect(await relay.stop()).toMatchObject({ code: 0 });
    expect(performance.now() - asked).toBeLessThan(STOPPED_WITHIN_MS);
    expect(await listed()).toBe(0);
    expect(relay.log).not.toMatch(/12D3KooW|127\.0\.0\.1|\/ip[46]\/|canary/);
  });

  test("is away: what waits to be left there is on the sender's disk, and cannot be read from it", async () => {
    const world = await startWorld();
    const [relay] = await startRelays(world, ["relay"]);
    const two = await strangers(world);
    const [alice, bob] = await Promise.all([listenWithMailbox(two.alice, 1), listenWithMailbox(two.bob, 1)]);
    await acquaint(alice, bob);
    await Promise.all([bob.program.stop(), relay?.program.kill9()]);
    await alice.calls.send({ to: "bob", text: TEXT, wait: "queued", timeoutMs: TIMEOUT_MS });
    await expect.poll(() => two.alice.countRows("parcels"), { timeout: TIMEOUT_MS }).toBe(1);
    expectAbsent([TEXT], contentOf(two.alice.profile));
    await relay?.start();
    await hasRelayed(alice, 1, 60_000);
    expect(two.alice.countRows("parcels")).toBe(0);
    expectAbsent([TEXT], [...contentOf(two.alice.profile), ...contentOf(relay?.directory ?? "")]);
  });
});

describe("a relay", () => {
  test("does not start where another works, on its port or in its directory, and names that one", async () => {
    const world = await startWorld();
    const [relay] = await startRelays(world, ["relay"]);
    if (relay === undefined) throw new Error("no relay");
    const { pid } = relay.program;
    const elsewhere = join(world.directory, "elsewhere");
    const host = ["--host", "127.0.0.1", "--port", String(relay.port)];
    const [onPort, inDirectory] = await Promise.all([
      spawnRelay(["--dir", elsewhere, ...host]).outcome(),
      spawnRelay(["--dir", relay.directory, "--port", "0"]).outcome(),
    ]);
    expect(onPort).toMatchObject({ code: 1, lines: [{ type: "error", code: "CONFIG_INVALID", reason: "listen" }] });
    expect(inDirectory).toMatchObject({ code: 1, lines: [{ code: "PROFILE_BUSY", details: { pid } }] });
    expect(relay.program.isRunning).toBe(true);
  });

  test("serves while its naming server is away, and is listed once that is there", async () => {
    const world = await startWorld();
    await world.stopServer();
    const relay = new Relay(world, "relay", { args: [] });
    await relay.start();
    await relay.program.until(() => relay.log.includes("not listed"));
    expect(relay.program.isRunning).toBe(true);
    await world.startServer();
    const listed = await countingRelays(world);
    await expect.poll(listed, { timeout: TIMEOUT_MS, interval: 500 }).toBe(1);
    expect(await relay.stop()).toMatchObject({ code: 0 });
    expect(await listed()).toBe(0);
  });
});

test("relays that are none, and states that nobody can wait for, are refused before anything happens", async () => {
  const { alice } = await strangers();
  const address = "/ip4/127.0.0.1/tcp/9443";
  const mistakes: [readonly string[], Readonly<Record<string, string>>, string][] = [
    [["listen", "--relays", "nonsense"], {}, "CONFIG_INVALID"],
    [["listen", "--relays", address], {}, "CONFIG_INVALID"],
    [["listen", "--relays", "none,auto"], {}, "CONFIG_INVALID"],
    [["listen"], { P2PCHAT_RELAYS: "nonsense" }, "CONFIG_INVALID"],
    [["send", "bob", "hi", "--relays", "nonsense"], {}, "CONFIG_INVALID"],
    [["send", "bob", "hi", "--wait", "nonsense"], {}, "USAGE"],
  ];
  const answers = await Promise.all(mistakes.map(([args, env]) => alice.ask(args, { env })));
  expect(answers.map(({ exit, line }) => [exit, line.type, line.code])).toEqual(
    mistakes.map(([, , code]) => [1, "error", code]),
  );
  expect(alice.countRows("outbox")).toBe(0);
});
