import { describe, expect, test } from "vitest";
import { encodeBase64url } from "../../shared/base64url.ts";
import { parseNameRecord } from "../../shared/name-record.ts";
import { failing, handingOut, showing, showingLog } from "../support/lies.ts";
import { aliceAndBob, type Person, startLyingWorld, strangers, type World } from "../support/p2pchat.ts";
import { personOf, recordTextOf } from "../support/people.ts";
import { problem } from "../support/scripted-server.ts";
import { SignedLog } from "../support/signed-log.ts";

/* What a command ends with where a naming server, or a peer, answers what is not to be had or believed. */

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A world whose server shows a log of the test's own making. */
async function startLoggedWorld() {
  const world = await startLyingWorld();
  const log = new SignedLog([], "log key", world.url);
  log.time = nowSeconds();
  world.liar.tell(showingLog(log));
  return Object.assign(world, { log });
}

/** A record of carol at that server, which she signs herself. */
async function recordOfCarol({ url }: World) {
  const carol = personOf("carol", { aud: url });
  const iat = nowSeconds();
  return await recordTextOf(carol, { iat, devices: [{ key: carol.deviceKey, addedAt: iat }] });
}

type Parts = [header: string, payload: string, signature: string];

function withPayload(record: string, changed: object): string {
  const [header, payload, signature] = record.split(".") as Parts;
  const whole = { ...JSON.parse(Buffer.from(payload, "base64url").toString()), ...changed };
  return [header, encodeBase64url(Buffer.from(JSON.stringify(whole))), signature].join(".");
}

const SMALL_ORDER = encodeBase64url(new Uint8Array(32));

const LIES: [code: string, lie: (record: string) => string][] = [
  ["RECORD_INVALID", (record) => record.slice(1)],
  ["RECORD_INVALID", (record) => withPayload(record, { more: true })],
  ["SIGNATURE_INVALID", (record) => withPayload(record, { iat: 1_700_000_000 })],
  ["KEY_INVALID", (record) => withPayload(record, { identity: SMALL_ORDER })],
];

describe("a record that is not to be believed", () => {
  test("ends what asks for it with 4 and its code: nobody is pinned, nothing is queued", async () => {
    const world = await startLoggedWorld();
    const { alice } = await strangers(world);
    const record = await recordOfCarol(world);
    for (const [code, lie] of LIES) {
      // The log bears it out: what is wrong is the record itself.
      if (code === "SIGNATURE_INVALID") world.log.accept(parseNameRecord(lie(record)));
      const repent = world.liar.tell(showing("carol", lie(record), { history: [lie(record)] }));
      for (const args of [
        ["lookup", "carol"],
        ["send", "carol", "secret"],
      ]) {
        expect(await alice.ask(args)).toMatchObject({ exit: 4, line: { type: "error", code } });
      }
      repent();
    }
    expect((await alice.run(["contacts", "--json"])).lines).toEqual([]);
    expect((await alice.ask(["outbox"])).line["items"]).toEqual([]);
  });
});

describe("who registers", () => {
  test.each([
    [400, "RECORD_EXPIRED", 4],
    [412, "RECORD_CONFLICT", 4],
  ] as const)("is told that the server answers %i %s, and may try again", async (status, code, exit) => {
    const world = await startLyingWorld();
    const repent = world.liar.tell(failing("/v1/names/carol", problem(status, code)));
    const register = ["register", "carol", "--server", world.url, "--no-passphrase"];
    const carol = world.person("carol");
    expect(await carol.ask(register)).toMatchObject({ exit, line: { type: "error", code } });
    repent();
    expect(await carol.ask(register)).toMatchObject({ exit: 0 });
  });

  test("as somebody else, after an answer was lost, is told that the keys have a name, which is still to be had", async () => {
    const world = await startLyingWorld();
    const repent = world.liar.tell(async ({ method, path }, ask) => {
      if (method !== "PUT" || path !== "/v1/names/carol") return undefined;
      await ask();
      return "reset";
    });
    const carol = world.person("carol");
    const registerAs = (name: string) => carol.ask(["register", name, "--server", world.url, "--no-passphrase"]);
    expect(await registerAs("carol")).toMatchObject({ exit: 3, line: { code: "SERVER_UNREACHABLE" } });
    expect(await registerAs("dave")).toMatchObject({ exit: 1, line: { type: "error", code: "KEY_IN_USE" } });
    repent();
    expect(await registerAs("carol")).toMatchObject({ exit: 0, line: { username: "carol" } });
  });
});

describe("what waits says why", () => {
  const waitingAt = async (person: Person) => (await person.ask(["outbox"])).line["items"];

  test("NO_KEY_PACKAGE, where the server hands none out, and goes once it does", async () => {
    const world = await startLyingWorld();
    const { alice, listening } = await aliceAndBob(world);
    const repent = world.liar.tell(handingOut("bob", []));
    await alice.listen();
    expect(await alice.send("bob", "hi", "--wait", "queued")).toMatchObject({ exit: 0, line: { state: "queued" } });
    await expect.poll(() => waitingAt(alice)).toMatchObject([{ state: "queued", error: "NO_KEY_PACKAGE" }]);
    repent();
    await alice.run(["outbox", "retry"]);
    await listening.nextMessage("hi");
  });

  test("ENVELOPE_INVALID, where the recipient's server knows no such sender", async () => {
    const world = await startLyingWorld();
    const { alice, listening } = await aliceAndBob(world);
    world.liar.tell(failing("/v1/names/alice", problem(404, "NAME_UNKNOWN")));
    await alice.listen();
    await alice.send("bob", "hi", "--wait", "queued");
    await expect.poll(() => waitingAt(alice)).toMatchObject([{ error: "ENVELOPE_INVALID", reason: "identity" }]);
    expect(listening.seen.map(({ type }) => type)).toEqual(["ready"]);
  });
});

test("a log's key that is none is not to be accepted", async () => {
  const world = await startLoggedWorld();
  const { alice } = await strangers(world);
  world.log.lies.key = "no key\n";
  const refused = await alice.ask(["key", "trust-log"]);
  expect(refused).toMatchObject({ exit: 4, line: { type: "error", code: "NOTE_INVALID" } });
});
