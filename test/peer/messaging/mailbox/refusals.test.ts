import { expect, test } from "vitest";
import { parcelSeals } from "../../../../peer/sessions/parcel-seal.ts";
import type { ErrorCode } from "../../../../shared/errors.ts";
import { encodeFrame } from "../../../../shared/frames.ts";
import { encodeParcel } from "../../../../shared/parcel.ts";
import { bobAway } from "../../../support/mailbox-world.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Alice has left a message; a relay brings her a refusal of it that bob has signed, now or long ago. */
async function refusedBy(code: ErrorCode) {
  const { world, alice, bob, relays, part, ...rest } = await bobAway();
  await alice.send("bob", "refused once");
  await alice.send("bob", "not spoken of");
  await world.pass(5 * SECOND);
  part();
  const [row] = alice.store.outbox.open();
  const { mailboxes } = await world.directory.lookup(alice.person.username);
  const key = Buffer.from(mailboxes.get(alice.self.device)?.key ?? "", "base64url");
  const frames = [encodeFrame({ type: "refuse", subject: row?.envelopeId ?? null, code, reason: null })];
  const plain = encodeParcel({ from: bob.device, frames }, alice.self.device, bob.deviceKey);
  const parcel = parcelSeals((length) => new Uint8Array(length).fill(7)).seal(key, alice.self.device, plain);
  for (const relay of relays) relay.tamper = (parcels) => [...parcels, { place: 1_000_000, parcel }];
  await world.pass(6 * MINUTE);
  return { world, alice, relays, ...rest };
}

test.each(["QUOTA", "CONTACT_BLOCKED"] as const)(
  "%s of the sender is no answer to a parcel: whoever means it answers none",
  async (code) => {
    const { world, alice, relays, bobBack } = await refusedBy(code);
    expect(alice.outbox().map(({ state }) => state)).toEqual(["relayed", "relayed"]);
    for (const relay of relays) relay.tamper = (parcels) => parcels;
    const bob = await bobBack();
    await world.pass(MINUTE);
    expect(bob.inbox()).toEqual(["hello bob", "refused once", "not spoken of"]);
    expect(alice.outbox()).toEqual([]);
  },
);

test("a refusal of one message fails that one alone", async () => {
  const { alice } = await refusedBy("VERSION_UNSUPPORTED");
  expect(alice.outbox().map(({ state }) => state)).toEqual(["failed", "relayed"]);
});
