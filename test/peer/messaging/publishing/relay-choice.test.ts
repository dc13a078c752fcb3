import { describe, expect, test } from "vitest";
import type { OpenStore } from "../../../../peer/history/store.ts";
import { parseRelayPolicy, RelayChoice } from "../../../../peer/messaging/publishing/relay-choice.ts";
import { relayOrderSecret } from "../../../../peer/messaging/publishing/relay-order.ts";
import { systemRuntime } from "../../../../peer/messaging/runtime.ts";
import { ChatError } from "../../../../shared/errors.ts";
import type { RelayDescriptorPayload, RelayRole } from "../../../../shared/relay-descriptor.ts";
import type { RelayReach } from "../../../../shared/relay-reach.ts";
import { expectError } from "../../../support/expect-error.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { openedStore } from "../../../support/opened-store.ts";
import { personOf } from "../../../support/people.ts";

const addressOf = (name: string, host = "192.0.2.1") => `/ip4/${host}/tcp/4001/p2p/${personOf(name).device}`;

const listed = (name: string, roles: readonly RelayRole[] = ["mailbox", "nat"]): RelayDescriptorPayload => ({
  v: 1,
  relay: personOf(name).device,
  aud: "https://names.example.org",
  addrs: [addressOf(name), addressOf(name, "192.0.2.2")],
  roles: [...roles],
  limits: { reservations: 1, boxes: 1, parcelsPerBox: 1, bytesPerBox: 1, keepSeconds: 1 },
  operator: "somebody",
  seq: 1,
  exp: 1,
});

type List = () => Promise<readonly RelayDescriptorPayload[]>;

type World = { readonly store?: OpenStore; readonly reach?: RelayReach };

function choosing(policy: string, list: List, { store = openedStore(), reach = "global" }: World = {}) {
  const time = new FakeTime();
  const failures: unknown[] = [];
  const changes = { count: 0 };
  const choice = new RelayChoice({
    policy: parseRelayPolicy(policy),
    reach,
    list,
    remembered: { ...store.mailbox, orderSecret: () => relayOrderSecret(store, systemRuntime) },
    runtime: time.runtime("choice"),
    changed: () => {
      changes.count += 1;
    },
    failed: (error) => failures.push(error),
  });
  return { choice, time, failures, changes };
}

describe("the configuration of relays", () => {
  test("is auto where nothing is said", () => {
    expect(parseRelayPolicy(undefined)).toEqual({ own: [], listed: true });
    expect(parseRelayPolicy("auto")).toEqual({ own: [], listed: true });
  });

  test("names relays of one's own, alone or before those that are listed, between commas or spaces", () => {
    const [one, two] = [addressOf("relay-one"), addressOf("relay-two")];
    expect(parseRelayPolicy(one)).toEqual({ own: [one], listed: false });
    expect(parseRelayPolicy(`${one}, ${two} auto`)).toEqual({ own: [one, two], listed: true });
  });

  test("can do without any", () => {
    expect(parseRelayPolicy("none")).toEqual({ own: [], listed: false });
  });

  const wrong = [
    "",
    " ",
    "nonsense",
    "none,auto",
    "/ip4/192.0.2.1/tcp/4001",
    `${addressOf("one")}/p2p-circuit`,
    `/dns4/relay.example/tcp/4001/p2p/${personOf("one").device}`,
  ];
  test.each(wrong)("%j is refused", async (text) => {
    await expectError(() => parseRelayPolicy(text), "CONFIG_INVALID", "relays");
  });
});

describe("the choice of relays", () => {
  const three = ["relay-one", "relay-two", "relay-three"].map((name) => listed(name));

  test("has those with the role, one's own first, each by its first address", async () => {
    const own = addressOf("relay-mine");
    const { choice } = choosing(`${own},auto`, async () => [listed("relay-one", ["nat"]), listed("relay-two")]);
    expect(choice.withRole("nat")).toEqual([own]);
    await choice.start();
    expect(choice.withRole("mailbox")).toEqual([own, addressOf("relay-two")]);
    expect(new Set(choice.withRole("nat"))).toEqual(new Set([own, addressOf("relay-one"), addressOf("relay-two")]));
  });

  test("does not name one's own twice when it is listed too", async () => {
    const own = addressOf("relay-one", "10.0.0.7");
    const { choice } = choosing(`${own},auto`, async () => [listed("relay-one")]);
    await choice.start();
    expect(choice.withRole("nat")).toEqual([own]);
  });

  test("is the same for a profile whatever the order of the list, and after a restart", async () => {
    const store = openedStore();
    const { choice } = choosing("auto", async () => three, { store });
    const { choice: again } = choosing("auto", async () => three.toReversed(), { store });
    await Promise.all([choice.start(), again.start()]);
    expect(again.withRole("nat")).toEqual(choice.withRole("nat"));
  });

  test("is another for another profile of the same device, so that nobody can make up relays that it would choose", async () => {
    const orders = new Set<string>();
    for (let profile = 0; profile < 30; profile += 1) {
      const { choice } = choosing("auto", async () => three);
      await choice.start();
      orders.add(String(choice.withRole("nat")[0]));
    }
    expect(orders.size).toBe(3);
  });

  const within = (reach: RelayReach) => {
    const near = { ...listed("near"), addrs: ["127.0.0.1", "192.168.1.9"].map((host) => addressOf("near", host)) };
    const far = { ...listed("far"), addrs: ["169.254.169.254", "192.0.2.1"].map((host) => addressOf("far", host)) };
    return choosing("auto", async () => [near, far], { reach }).choice;
  };

  test.each([
    ["global", [addressOf("far", "192.0.2.1")]],
    ["private", [addressOf("far", "192.0.2.1"), addressOf("near", "192.168.1.9")]],
    ["loopback", [addressOf("far", "169.254.169.254"), addressOf("near", "127.0.0.1")]],
  ] as const)("takes listed relays by their first address that is no nearer than %s", async (reach, expected) => {
    const choice = within(reach);
    await choice.start();
    expect(choice.withRole("nat").toSorted()).toEqual(expected.toSorted());
  });

  test("takes none by an address that nobody dials, and each by the first that is one", async () => {
    const ends = (relay: string, ...places: string[]) => places.map((place) => `${place}/p2p/${relay}`);
    const [honest, nowhere] = [listed("honest"), listed("nowhere")];
    const named = { ...honest, addrs: [...ends(honest.relay, "/dns4/relay.example/tcp/4001"), ...honest.addrs] };
    const other = ["/dns/a.example/tcp/1", "/ip4/52.0.0.1/udp/1", "/ip4/52.0.0.1/tcp/0", "/ip4/52.0.0.1/tcp/1/ws"];
    const lost = { ...nowhere, addrs: ends(nowhere.relay, ...other, "/memory/1") };
    const { choice } = choosing("auto", async () => [named, lost]);
    await choice.start();
    expect(choice.withRole("nat")).toEqual([addressOf("honest")]);
  });

  test("takes one's own wherever they are", () => {
    const own = addressOf("relay-one", "10.0.0.7");
    expect(choosing(own, async () => []).choice.withRole("nat")).toEqual([own]);
  });

  test("asks nobody where the list is not wanted", async () => {
    const { choice, changes } = choosing(addressOf("relay-one"), () => Promise.reject(new Error("asked")));
    await choice.start();
    expect(changes.count).toBe(0);
  });

  test("keeps the last list while the server cannot be asked, and asks again soon", async () => {
    let answer = async (): Promise<readonly RelayDescriptorPayload[]> => [listed("relay-one")];
    const { choice, time, failures, changes } = choosing("auto", () => answer());
    await choice.start();
    answer = () => Promise.reject(new ChatError("SERVER_UNREACHABLE", "gone"));
    time.step(10 * 60_000);
    await Promise.resolve();
    expect(choice.withRole("nat")).toEqual([addressOf("relay-one")]);
    answer = async () => [listed("relay-two")];
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toHaveLength(1);
    time.step(30_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(choice.withRole("nat")).toEqual([addressOf("relay-two")]);
    expect(changes.count).toBe(2);
    choice.stop();
  });

  test("is what it was before a restart, until the server can be asked", async () => {
    const store = openedStore();
    const { choice: before } = choosing("auto", async () => [listed("relay-one")], { store });
    await before.start();
    before.stop();
    const list = () => Promise.reject(new ChatError("SERVER_UNREACHABLE", "gone"));
    const { choice, changes } = choosing("auto", list, { store });
    await choice.start();
    expect(choice.withRole("mailbox")).toEqual([addressOf("relay-one")]);
    expect(changes.count).toBe(1);
    const { choice: without } = choosing("none", list, { store });
    await without.start();
    expect(without.withRole("mailbox")).toEqual([]);
    choice.stop();
  });

  test("is made though the disk fails, and the same until the end of the program", async () => {
    const store = openedStore();
    const { choice, failures } = choosing("auto", async () => three, { store });
    store.close();
    await choice.start();
    const order = choice.withRole("nat");
    expect([order.length, choice.withRole("mailbox")]).toEqual([3, order]);
    expect(failures.length).toBeGreaterThan(0);
    choice.stop();
  });

  test("does not change any more once it is stopped", async () => {
    const store = openedStore();
    const answer = Promise.withResolvers<readonly RelayDescriptorPayload[]>();
    const { choice, changes, failures } = choosing("auto", () => answer.promise, { store });
    const started = choice.start();
    choice.stop();
    answer.resolve([listed("relay-one")]);
    await started;
    expect([changes.count, failures, store.mailbox.relays()]).toEqual([0, [], []]);
  });
});
