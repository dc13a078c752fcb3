import { expect, test } from "vitest";
import { orderRelays, relayOrderSecret } from "../../../../peer/messaging/publishing/relay-order.ts";
import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import { hex } from "../../../../shared/bytes.ts";
import { openedStore } from "../../../support/opened-store.ts";
import { personOf } from "../../../support/people.ts";

const relayAt = (name: string, host: string) => {
  const { device } = personOf(name);
  return { relay: device, address: `/${host.includes(":") ? "ip6" : "ip4"}/${host}/tcp/4001/p2p/${device}` };
};
const secretOf = (n: number) => new Uint8Array(32).fill(n);

test("relays of one network have together the chance of one alone", () => {
  const alone = [relayAt("honest", "52.10.0.1"), relayAt("other", "2a00:1450:4001::1")];
  const many = ["ipv4", "ipv6"].flatMap((kind) =>
    Array.from({ length: 20 }, (_, n) =>
      relayAt(`${kind}-${n}`, kind === "ipv4" ? `198.51.${n}.7` : `2001:db8:${n}::7`),
    ),
  );
  const firsts = { honest: 0, crowd: 0 };
  for (let n = 0; n < 100; n += 1) {
    const order = orderRelays([...alone, ...many], secretOf(n));
    const four = order.slice(0, 4);
    for (const { address } of alone) expect(four).toContain(address);
    expect(order).toHaveLength(alone.length + many.length);
    firsts[alone.some(({ address }) => address === order[0]) ? "honest" : "crowd"] += 1;
  }
  // half of the four networks are theirs
  expect(firsts.honest).toBeGreaterThan(25);
});

test("the order is the secret's, whatever that of the list", () => {
  const relays = ["one", "two", "three"].map((name, n) => relayAt(name, `52.${n}.0.1`));
  expect(orderRelays(relays.toReversed(), secretOf(1))).toEqual(orderRelays(relays, secretOf(1)));
  const orders = new Set(Array.from({ length: 60 }, (_, n) => orderRelays(relays, secretOf(n)).join()));
  expect(orders.size).toBe(6);
});

test("the secret is made once for a profile, and again for one that takes its place", () => {
  const store = openedStore();
  const secret = relayOrderSecret(store, systemRuntime);
  expect(secret).toHaveLength(32);
  expect(hex(relayOrderSecret(store, systemRuntime))).toBe(hex(secret));
  expect(hex(relayOrderSecret(openedStore(), systemRuntime))).not.toBe(hex(secret));
  store.transaction(() => store.mailbox.clear());
  expect(hex(relayOrderSecret(store, systemRuntime))).not.toBe(hex(secret));
});
