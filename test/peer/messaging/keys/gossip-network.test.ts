import { expect, test } from "vitest";
import { Gossip } from "../../../../peer/messaging/keys/gossip.ts";
import type { Contact } from "../../../../peer/messaging/ports/contacts.ts";
import { createKeyLog } from "../../../../peer/naming/log/key-log.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { startTestNetwork, type TestNetwork } from "../../../support/networks.ts";
import { openedStore } from "../../../support/opened-store.ts";
import { AUDIENCE, NOW_MS, personOf } from "../../../support/people.ts";
import { leavesOf, SignedLog } from "../../../support/signed-log.ts";

function gossiping(name: string, source: SignedLog, network: () => TestNetwork) {
  const log = createKeyLog({ source, store: openedStore(), audience: () => AUDIENCE, now: () => NOW_MS, onFork() {} });
  const gossip = new Gossip({
    self: personOf(name),
    contacts: { findByDevice: () => ({ username: personOf("somebody").username }) as Contact },
    log,
    runtime: new FakeTime().runtime(name),
    transport: async () => network().network,
    failed() {},
  });
  return { log, gossip };
}

test("two people find out over TCP that the server shows them two logs", async () => {
  const ofAlice = gossiping("alice", new SignedLog(leavesOf(5)), () => alice);
  const ofBob = gossiping("bob", new SignedLog([...leavesOf(4), ...leavesOf(1, "other")]), () => bob);
  await Promise.all([ofAlice.log.sync(), ofBob.log.sync()]);
  const onGossip: Parameters<typeof startTestNetwork>[1] = { onGossip: (channel) => void ofBob.gossip.serve(channel) };
  await using bob: TestNetwork = await startTestNetwork("bob", onGossip);
  await using alice: TestNetwork = await startTestNetwork("alice", { dialOnly: true });
  await alice.network.connect(bob.device, [bob.address], AbortSignal.timeout(5000));
  ofAlice.gossip.claimed(bob.device, ofBob.gossip.claim());
  for (const { log } of [ofAlice, ofBob]) {
    await expect.poll(() => log.status().forked).toBe(true);
  }
});
