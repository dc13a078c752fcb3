import { describe, expect, test } from "vitest";
import { RELAY_LIMITS, type RelayLimits } from "../../../peer/relay/limits.ts";
import { Rates } from "../../../peer/relay/rates.ts";
import { RelayRules } from "../../../peer/relay/relay-rules.ts";
import { Seats } from "../../../peer/relay/seats.ts";

const HOUR_MS = 3_600_000;

function rulesWith(limits: Partial<RelayLimits>) {
  const clock = { nowMs: 5 };
  return { clock, rules: new RelayRules({ ...RELAY_LIMITS, ...limits }, () => clock.nowMs) };
}

/** From a network of its own, unless said. */
const caller = (user: string, network = `network of ${user}`) => ({ user, network });

describe("seats", () => {
  test("are so many for one party and so many in all, and are left once", () => {
    const seats = new Seats({ all: 3, perParty: 2 });
    const leave = seats.take("a");
    seats.take("a");
    expect([seats.isFree("a"), seats.isFree("b")]).toEqual([false, true]);
    seats.take("b");
    expect(seats.isFree("b")).toBe(false);
    leave();
    leave();
    expect([seats.taken, seats.isFree("a"), seats.isFree("b")]).toEqual([2, true, true]);
  });

  test("are so many for all networks of one IPv6 /48, and no fewer for the next", () => {
    const seats = new Seats({ all: 10, perParty: 2, perSite: 3 });
    const leave = ["2001:db8:1:1::/64", "2001:db8:1:1::/64", "2001:db8:1:2::/64"].map((network) => seats.take(network));
    const free = () => ["2001:db8:1:3::/64", "2001:db8:2:1::/64", "192.0.2.1"].map((network) => seats.isFree(network));
    expect(free()).toEqual([false, true, true]);
    leave[0]?.();
    expect(free()).toEqual([true, true, true]);
    expect(seats.taken).toBe(2);
  });
});

describe("a rate", () => {
  test("gives its burst at once, then so many a second, to each alike", () => {
    const rates = new Rates({ burst: 3, perSecond: 2, networksPerSite: 4 });
    const taken = (network: string, nowMs: number) => Array.from({ length: 5 }, () => rates.take(network, nowMs));
    expect(taken("a", 0).filter(Boolean)).toHaveLength(3);
    expect(taken("b", 0).filter(Boolean)).toHaveLength(3);
    expect(taken("a", 1000).filter(Boolean)).toHaveLength(2);
    expect(taken("a", 60_000).filter(Boolean)).toHaveLength(3);
  });

  test("gives all networks of one IPv6 /48 together so many times as much, and the next /48 as much again", () => {
    const rates = new Rates({ burst: 3, perSecond: 2, networksPerSite: 4 });
    const takenFrom = (site: string, nowMs: number) => {
      const networks = Array.from({ length: 30 }, (_, n) => `${site}:${n.toString(16)}::/64`);
      return networks.filter((network) => rates.take(network, nowMs)).length;
    };
    expect(takenFrom("2001:db8:1", 0)).toBe(12);
    expect(takenFrom("2001:db8:2", 0)).toBe(12);
    expect(takenFrom("2001:db8:1", 1000)).toBe(8);
  });
});

describe("a relay's rules", () => {
  test("keep one place for a user's reservation, however often it is renewed, until the user is gone", () => {
    const { rules } = rulesWith({ reservations: 2, reservationsPerNetwork: 1 });
    expect([rules.reserve("alice", "n1"), rules.reserve("alice", "n1")]).toEqual([true, true]);
    expect(rules.reserve("bob", "n1")).toBe(false);
    expect(rules.reserve("bob", "n2")).toBe(true);
    expect(rules.reserve("carol", "n3")).toBe(false);
    rules.release("alice");
    expect([rules.hasReservation("alice"), rules.reserve("carol", "n1")]).toEqual([false, true]);
    expect(rules.counts().reservations).toBe(2);
  });

  test("count a relayed connection for both of its users, from the moment when it is allowed", () => {
    const { rules } = rulesWith({ relayedPerUser: 1 });
    const leave = rules.relaying(caller("alice"), "bob");
    expect([rules.relaying(caller("carol"), "bob"), rules.relaying(caller("alice"), "carol")]).toEqual([
      undefined,
      undefined,
    ]);
    expect(rules.counts().relayed).toBe(1);
    leave?.();
    leave?.();
    expect(rules.counts().relayed).toBe(0);
    expect(rules.relaying(caller("carol"), "bob")).toBeDefined();
  });

  test("give nobody two places for one, nor one connection more than there may be in all", () => {
    const { rules } = rulesWith({ relayedPerUser: 1, relayed: 1 });
    expect(rules.relaying(caller("alice"), "alice")).toBeUndefined();
    expect(rules.counts().relayed).toBe(0);
    expect(rules.relaying(caller("alice"), "bob")).toBeDefined();
    expect(rules.relaying(caller("carol"), "dave")).toBeUndefined();
    expect(rules.counts().relayed).toBe(1);
  });

  test("let a user relay so many bytes an hour, and all users together", () => {
    const { rules, clock } = rulesWith({ bytesPerUserAndHour: 100, bytesPerHour: 150 });
    expect(rules.transferred(caller("alice"), 100)).toBe(true);
    expect(rules.transferred(caller("alice"), 1)).toBe(false);
    expect(rules.relaying(caller("alice"), "carol")).toBeUndefined();
    expect(rules.relaying(caller("carol"), "dave")).toBeDefined();
    rules.transferred(caller("carol"), 60);
    expect(rules.relaying(caller("erin"), "frank")).toBeUndefined();
    clock.nowMs += HOUR_MS;
    expect(rules.relaying(caller("alice"), "bob")).toBeDefined();
    expect(rules.counts().relayedBytes).toBe(161);
  });

  test("count bytes for whoever asked for the connection: a stranger costs the other end and its network nothing", () => {
    const { rules } = rulesWith({ bytesPerUserAndHour: 100, bytesPerNetworkAndHour: 150 });
    const [victim, neighbour] = [caller("victim", "192.0.2.1"), caller("neighbour", "192.0.2.1")];
    for (const { user, network } of [victim, neighbour]) rules.reserve(user, network);
    for (let n = 0; n < 10; n += 1) {
      const key = caller(`key ${n}`, `198.51.100.${n}`);
      expect(rules.relaying(key, victim.user)).toBeDefined();
      rules.transferred(key, 100);
    }
    expect([rules.transferred(victim, 50), rules.transferred(neighbour, 50)]).toEqual([true, true]);
    expect([rules.relaying(victim, "bob"), rules.relaying(caller("bob"), victim.user)]).not.toContain(undefined);
  });

  test.each([
    ["network", ["192.0.2.1", "192.0.2.1", "192.0.2.1"], { relayedPerNetwork: 2 }],
    [
      "IPv6 /48",
      ["2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"],
      { relayedPerNetwork: 1, networksPerSite: 2 },
    ],
  ] as const)(
    "relay so many connections that are asked for from one %s, however many keys it has",
    (_, networks, limits) => {
      const { rules } = rulesWith(limits);
      rules.reserve("victim", "192.0.2.9");
      const [x, y, z] = networks.map((network, n) => caller(`key ${n}`, network));
      if (x === undefined || y === undefined || z === undefined) throw new Error("three callers");
      const ended = rules.relaying(x, "victim");
      rules.relaying(y, "victim");
      expect(rules.relaying(z, "victim")).toBeUndefined();
      expect(rules.counts().relayed).toBe(2);
      // the other end and its network are counted for nothing
      expect(rules.relaying(caller("victim", "192.0.2.9"), "bob")).toBeDefined();
      expect(rules.relaying(caller("bob", "192.0.2.8"), "victim")).toBeDefined();
      ended?.();
      expect(rules.relaying(z, "victim")).toBeDefined();
    },
  );

  test.each([
    ["address", (n: number) => (n < 0 ? "192.0.2.9" : "192.0.2.1")],
    ["IPv6 /48", (n: number) => (n < 0 ? "2001:db8:2:1::/64" : `2001:db8:1:${n}::/64`)],
  ])("leave half of a user's places to others, whatever keys somebody at one %s makes", (_, networkOf) => {
    const { rules } = rulesWith({});
    const asked = Array.from({ length: 40 }, (_, n) => rules.relaying(caller(`key ${n}`, networkOf(n)), "victim"));
    expect(asked.filter((leave) => leave !== undefined)).toHaveLength(RELAY_LIMITS.relayedPerUser / 2);
    expect(rules.counts().relayed).toBe(RELAY_LIMITS.relayedPerUser / 2);
    const friend = caller("friend", networkOf(-1));
    expect(rules.relaying(friend, "victim")).toBeDefined();
    expect(rules.relaying(caller("victim", networkOf(1)), "friend")).toBeDefined();
    expect(rules.relaying(caller("key 1", networkOf(1)), "another")).toBeDefined();
    asked[0]?.();
    expect(rules.relaying(caller("key 40", networkOf(1)), "victim")).toBeDefined();
  });

  test.each([
    ["network", ["192.0.2.1", "192.0.2.1", "192.0.2.1"], { bytesPerNetworkAndHour: 100 }],
    [
      "IPv6 /48",
      ["2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"],
      { bytesPerNetworkAndHour: 50, networksPerSite: 2 },
    ],
  ] as const)("give those who ask from one %s so many bytes an hour, place or no place", (_, networks, limits) => {
    const { rules, clock } = rulesWith(limits);
    const [x, y, z] = networks.map((network, n) => caller(`key ${n}`, network));
    if (x === undefined || y === undefined || z === undefined) throw new Error("three callers");
    rules.reserve(z.user, z.network);
    rules.transferred(x, 40);
    rules.transferred(y, 40);
    expect(rules.transferred(z, 20)).toBe(true);
    expect(rules.transferred(z, 1)).toBe(false);
    expect(rules.transferred(caller("dave", "192.0.2.2"), 1)).toBe(true);
    clock.nowMs += HOUR_MS;
    expect(rules.transferred(z, 1)).toBe(true);
  });
});
