import { expect, test } from "vitest";
import { ChatError } from "../../../shared/errors.ts";
import { MessagingWorld } from "../../support/messaging-world.ts";
import { NOW_MS, personOf } from "../../support/people.ts";

async function alone() {
  const world = new MessagingWorld();
  const alice = await world.start("alice");
  world.directory.log.facts.status = { signedAtMs: NOW_MS };
  world.directory.uploadKeyPackages = async () => ({ count: 12, lastResort: true });
  return { world, alice };
}

test("a device that the server knows is told what the server holds of it", async () => {
  const { alice } = await alone();
  expect(await alice.operations.diagnose()).toMatchObject({
    token: null,
    keyPackages: { count: 12, lastResort: true },
    record: { trouble: null, seq: 1, position: 0 },
  });
});

test("a foreign key under the own name is the trouble with the record, and the token is not blamed", async () => {
  const { world, alice } = await alone();
  await world.list(personOf("alice", { identity: "mallory" }));
  const { token, record } = await alice.operations.diagnose();
  expect(token).toBeNull();
  expect(record).toMatchObject({ trouble: { code: expect.any(String), message: expect.stringMatching(/key/) } });
});

test("a server that gives no token is asked nothing else", async () => {
  const { world, alice } = await alone();
  world.directory.uploadKeyPackages = () => Promise.reject(new ChatError("TOKEN_INVALID", "no such device"));
  const trouble = { code: "TOKEN_INVALID", message: "no such device" };
  expect(await alice.operations.diagnose()).toEqual({
    token: trouble,
    keyPackages: null,
    record: { trouble, seq: null, position: null },
    published: [],
  });
});
