import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { SigningKeys } from "../../naming-server/signing-keys.ts";
import { openSqliteStore } from "../../naming-server/storage/sqlite-store.ts";
import { createSweep } from "../../naming-server/sweep.ts";
import { ChatError } from "../../shared/errors.ts";
import { expectError } from "../support/expect-error.ts";
import { NOW_MS, NOW_SECONDS, personOf, recordOf, relayOf } from "../support/people.ts";
import { rowOf } from "../support/record-row.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const assertion = { sub: personOf("bob").username, jti: "0123456789abcdef", expires: NOW_SECONDS + 60 };

async function start(renew = async () => {}) {
  const store = openSqliteStore(join(temporaryDirectory(), "naming.db"));
  onTestFinished(() => store.close());
  const clock = { nowMs: NOW_MS };
  const now = () => clock.nowMs;
  const sweep = createSweep({ store, keys: await SigningKeys.open(store, now), log: { renew }, now });
  await store.rememberAssertion(assertion);
  return { store, clock, sweep };
}

test("a used assertion is forgotten once enough sweeps have seen it expire", async () => {
  const { store, clock, sweep } = await start();
  clock.nowMs += 91_000;
  for (let count = 1; count < SERVER_LIMITS.sweepsThatAgree; count += 1) await sweep();
  await expectError(store.rememberAssertion(assertion), "TOKEN_REPLAYED");
  await sweep();
  await store.rememberAssertion(assertion);
});

test("a used assertion stays used when the clock leaps ahead for some sweeps and comes back", async () => {
  const { store, clock, sweep } = await start();
  for (let count = 0; count < 10; count += 1) await sweep();
  clock.nowMs += 365 * 86_400_000;
  for (let count = 1; count < SERVER_LIMITS.sweepsThatAgree; count += 1) await sweep();
  clock.nowMs = NOW_MS;
  await sweep();
  await expectError(store.rememberAssertion(assertion), "TOKEN_REPLAYED");
});

test("mailboxes and relays that have ended are forgotten by the sweeps too", async () => {
  const { store, clock, sweep } = await start();
  const bob = personOf("bob");
  await store.createName(rowOf(await recordOf(bob)));
  const facts = { seq: 1, expires: NOW_SECONDS + 10, isWithdrawn: false, at: NOW_SECONDS };
  await store.putMailbox({ ...facts, name: bob.username, device: bob.device, record: "mailbox" });
  const relay = { ...facts, relay: relayOf("one").id, record: "relay" };
  await store.putRelay(relay, 1);
  clock.nowMs += 41_000;
  for (let count = 1; count < SERVER_LIMITS.sweepsThatAgree; count += 1) await sweep();
  expect((await store.findName(bob.username))?.devices[0]?.mailbox?.record).toBe("mailbox");
  await expectError(store.putRelay({ ...relay, record: "other" }, 1), "RECORD_CONFLICT");
  await sweep();
  expect((await store.findName(bob.username))?.devices[0]?.mailbox).toBeUndefined();
  await store.putRelay({ ...relay, record: "other" }, 1);
});

test("a log that cannot be renewed keeps nothing from being forgotten", async () => {
  const { store, clock, sweep } = await start(() => Promise.reject(new ChatError("STORE_CORRUPT", "no log")));
  clock.nowMs += 91_000;
  for (let count = 0; count < SERVER_LIMITS.sweepsThatAgree; count += 1) await expectError(sweep(), "STORE_CORRUPT");
  await expect.poll(() => store.rememberAssertion(assertion).catch(({ code }: ChatError) => code)).toBeUndefined();
});
