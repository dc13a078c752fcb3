import { describe, expect, test } from "vitest";
import { ChatError } from "../../../../shared/errors.ts";
import { fingerprintOf } from "../../../../shared/fingerprint.ts";
import { expectError } from "../../../support/expect-error.ts";
import { MessagingWorld } from "../../../support/messaging-world.ts";
import { AUDIENCE, NOW_MS, personOf, recordOf } from "../../../support/people.ts";

async function alone() {
  const world = new MessagingWorld();
  const alice = await world.start("alice");
  const { log } = world.directory;
  log.facts.status = { signedAtMs: NOW_MS };
  return { world, alice, log };
}

describe("an audit", () => {
  test("shows each record with its place, and the log's own word in base64", async () => {
    const { alice } = await alone();
    const { identity, device } = alice.person;
    expect(await alice.operations.keyAudit({ username: "Alice@names.example.org" })).toEqual({
      username: "alice",
      verdict: "ok",
      problems: [],
      records: [
        {
          seq: 1,
          position: 0,
          issuedAt: new Date(NOW_MS).toISOString(),
          change: "first",
          fingerprint: fingerprintOf(identity),
          devices: [device],
        },
      ],
      log: {
        size: 0,
        root: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        signedAt: new Date(NOW_MS).toISOString(),
        stale: false,
        forked: false,
      },
    });
  });

  test("of one's own name with a foreign key is bad", async () => {
    const { world, alice } = await alone();
    await world.list(personOf("alice", { identity: "mallory" }));
    const { verdict, problems } = await alice.operations.keyAudit({ username: "alice" });
    expect({ verdict, reasons: problems.map(({ reason }) => reason) }).toEqual({
      verdict: "bad",
      reasons: ["foreign"],
    });
  });

  test("of another server's name is refused", async () => {
    const { alice } = await alone();
    await expectError(alice.operations.keyAudit({ username: "bob@elsewhere.example" }), "SERVER_MISMATCH");
  });
});

describe("the own key", () => {
  test("is shown as the server shows it", async () => {
    const { world, alice } = await alone();
    const { person } = alice;
    await world.list(person, await recordOf(person));
    expect(await alice.operations.keyShow()).toEqual({
      username: "alice",
      fingerprint: fingerprintOf(person.identity),
      devices: [person.device],
      seq: 2,
      position: 1,
    });
  });

  test("is not shown where the server shows another", async () => {
    const { world, alice } = await alone();
    await world.list(personOf("alice", { identity: "mallory" }));
    await expectError(alice.operations.keyShow(), "KEY_CHANGED");
  });
});

describe("the status says that the log is", () => {
  test.each([
    ["ok", {}, undefined],
    ["unknown", { signedAtMs: undefined, stale: true }, undefined],
    ["LOG_STALE", { stale: true }, undefined],
    ["LOG_FORKED", { forked: true, stale: true }, undefined],
    ["LOG_INVALID", {}, new ChatError("LOG_INVALID", "shrunk", { reason: "shrunk" })],
    ["ok", {}, new ChatError("SERVER_UNREACHABLE", "down")],
  ] as const)("%s where its own word is %j and asking comes to %s", async (state, status, failure) => {
    const { alice, log } = await alone();
    log.facts.status = { size: 7, signedAtMs: NOW_MS, ...status };
    log.facts.failure = failure;
    const { log: shown, server } = await alice.operations.status();
    expect(server).toBe(AUDIENCE);
    const signedAt = state === "unknown" ? null : new Date(NOW_MS).toISOString();
    expect(shown).toEqual({ size: 7, signedAt, state });
  });
});
