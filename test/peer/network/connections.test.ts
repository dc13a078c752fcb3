import { peerIdFromString } from "@libp2p/peer-id";
import { describe, expect, test } from "vitest";
import { Connections, type TrackedConnection } from "../../../peer/network/connections.ts";
import { NETWORK_LIMITS } from "../../../peer/network/limits.ts";
import { type DeviceId, deviceIdOf } from "../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../shared/ed25519.ts";
import { STREAM_PROTOCOLS } from "../../../shared/protocol.ts";

const devices = Array.from({ length: 12 }, (_, n) => deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(n)))).sort();
const [smaller, self, bigger, ...others] = devices as [DeviceId, DeviceId, DeviceId, ...DeviceId[]];
const limits = { ...NETWORK_LIMITS, connections: 6, connectionsForContacts: 2, connectionsPerDevice: 3 };

type Fake = TrackedConnection & { streams: { protocol: string }[]; status: "open" | "closed" };

let ids = 0;

function fake(device: DeviceId, direction: "inbound" | "outbound", direct = true): Fake {
  const connection: Fake = {
    id: `${ids++}`,
    remotePeer: peerIdFromString(device),
    direction,
    direct,
    status: "open",
    streams: [],
    close: async () => {
      connection.status = "closed";
    },
    abort: () => {
      connection.status = "closed";
    },
  };
  return connection;
}

function table(contacts: readonly DeviceId[] = []) {
  return new Connections<Fake>({ self, limits, isContact: (device) => contacts.includes(device) });
}

describe("admission", () => {
  test("strangers leave the reserved places to contacts", () => {
    const [contact = self, ...strangers] = others;
    const connections = table([contact]);
    for (const stranger of strangers.slice(0, 4)) {
      expect(connections.refusal(stranger)).toBeUndefined();
      connections.add(stranger, fake(stranger, "inbound"));
    }
    expect(connections.refusal(bigger)).toBe("connections-of-strangers");
    expect(connections.refusal(contact)).toBeUndefined();
  });

  test("not even a contact passes the limit of all", () => {
    const connections = table(devices);
    for (const device of others.slice(0, 6)) connections.add(device, fake(device, "inbound"));
    expect(connections.refusal(bigger)).toBe("connections");
  });

  test("one device cannot take every place", () => {
    const connections = table([bigger]);
    for (let n = 0; n < 3; n++) connections.add(bigger, fake(bigger, "inbound"));
    expect(connections.refusal(bigger)).toBe("connections-per-device");
    expect(connections.refusal(smaller)).toBeUndefined();
  });

  test("a closed connection gives its place back", () => {
    const connections = table();
    const opened = others.slice(0, 4).map((device) => ({ device, connection: fake(device, "inbound") }));
    for (const { device, connection } of opened) connections.add(device, connection);
    const [{ device, connection } = { device: self, connection: fake(self, "inbound") }] = opened;
    expect(connections.remove(device, connection.id)).toBe(true);
    expect(connections.refusal(bigger)).toBeUndefined();
    expect(connections.counts()).toMatchObject({ open: 3, inbound: 3, contacts: 0 });
  });

  test.each([
    "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
    "16Uiu2HAm6Q1H9SyKUrxDkGBQDcBrHqLNPVhHyCmDkhBLVSnzGwz2",
    "",
  ])("a peer id of another kind of key is refused: %s", (peerId) => {
    expect(table().refusal(peerId)).toBe("key-type");
  });
});

describe("relays", () => {
  test("those on which this device is to be reached are kept, others as long as something runs through them", () => {
    const connections = new Connections<Fake>({
      ...{ self, limits, isContact: () => false },
      isRelay: () => true,
      isOwnRelay: (device) => device === smaller,
    });
    const [own, used, unused] = [fake(smaller, "outbound"), fake(bigger, "outbound"), fake(self, "outbound")];
    used.streams.push({ protocol: "/libp2p/circuit/relay/0.2.0/hop" });
    for (const [device, connection] of [[smaller, own] as const, [bigger, used] as const, [self, unused] as const]) {
      connections.add(device, connection);
    }
    for (let nowMs = 0; nowMs <= 10 * limits.unusedConnectionMs; nowMs += limits.sweepIntervalMs)
      connections.sweep(nowMs);
    expect([own, used, unused].map(({ status }) => status)).toEqual(["open", "open", "closed"]);
    expect(connections.counts()).toMatchObject({ relays: 3, paths: { direct: 0, punched: 0, relay: 0 } });
  });

  test("take no place from strangers", () => {
    const connections = table();
    for (const relay of others.slice(0, 4)) connections.add(relay, fake(relay, "outbound"));
    expect(connections.refusal(bigger)).toBeUndefined();
  });

  test("strangers who come through them leave room for contacts", () => {
    const [contact = self, ...strangers] = others;
    const connections = new Connections<Fake>({
      ...{ self, limits: { ...limits, relayedStrangers: 2 }, isContact: (device) => device === contact },
    });
    for (const stranger of strangers.slice(0, 2)) {
      expect(connections.refusalThroughRelay(stranger, 1)).toBeUndefined();
      connections.add(stranger, fake(stranger, "inbound", false));
    }
    expect(connections.refusalThroughRelay(bigger, 1)).toBe("connections-of-strangers");
    expect(connections.refusalThroughRelay(contact, 9)).toBeUndefined();
    expect(connections.refusal(bigger)).toBeUndefined();
    expect(connections.refusalThroughRelay("", 1)).toBe("key-type");
  });
});

describe("two connections to one device", () => {
  test.each([
    { peer: "a smaller", device: smaller, kept: "inbound" as const },
    { peer: "a bigger", device: bigger, kept: "outbound" as const },
  ])("the $kept one is used with $peer peer id", ({ device, kept }) => {
    for (const order of [["inbound", "outbound"] as const, ["outbound", "inbound"] as const]) {
      const connections = table();
      for (const direction of order) connections.add(device, fake(device, direction));
      expect(connections.best(device)?.direction).toBe(kept);
    }
  });

  test("the newest of one direction is used", () => {
    const connections = table();
    connections.add(bigger, fake(bigger, "outbound"));
    const newest = fake(bigger, "outbound");
    connections.add(bigger, newest);
    expect(connections.best(bigger)?.id).toBe(newest.id);
  });

  test("one without a relay is used rather than any through one, whoever dialled it and when", () => {
    for (const direction of ["inbound", "outbound"] as const) {
      const connections = table();
      const direct = fake(bigger, direction);
      connections.add(bigger, fake(bigger, "outbound", false));
      connections.add(bigger, direct);
      connections.add(bigger, fake(bigger, "inbound", false));
      expect(connections.best(bigger)?.id).toBe(direct.id);
      connections.distrust(bigger, direct);
      expect(connections.best(bigger)?.direct).toBe(false);
    }
  });

  test("a closed one is not used, nor a distrusted one until it is trusted again", () => {
    const connections = table();
    const [first, second] = [fake(bigger, "outbound"), fake(bigger, "outbound")];
    for (const connection of [first, second]) connections.add(bigger, connection);
    connections.distrust(bigger, second);
    expect(connections.best(bigger)?.id).toBe(first.id);
    connections.trust(bigger, second);
    expect(connections.best(bigger)?.id).toBe(second.id);
    connections.distrust(bigger, second);
    first.status = "closed";
    expect(connections.best(bigger)).toBeUndefined();
  });

  test("only the side that dialled the spare one closes it, and not while a stream runs on it", () => {
    const connections = table([smaller, bigger]);
    const [kept, spare] = [fake(smaller, "inbound"), fake(smaller, "outbound")];
    const [own, theirs] = [fake(bigger, "outbound"), fake(bigger, "inbound")];
    spare.streams = [{ protocol: STREAM_PROTOCOLS.message }];
    for (const connection of [kept, spare]) connections.add(smaller, connection);
    for (const connection of [own, theirs]) connections.add(bigger, connection);
    connections.sweep(1000);
    connections.sweep(2000);
    expect([kept, spare, own, theirs].map(({ status }) => status)).toEqual(["open", "open", "open", "open"]);
    spare.streams = [];
    connections.sweep(3000);
    expect(spare.status).toBe("open");
    connections.sweep(4000);
    expect([kept, spare, own, theirs].map(({ status }) => status)).toEqual(["open", "closed", "open", "open"]);
  });
});

describe("unused connections", () => {
  test("a stranger's is closed in the end, a contact's is kept", () => {
    const [contact = self, stranger = self] = others;
    const connections = table([contact]);
    const [kept, closed] = [fake(contact, "inbound"), fake(stranger, "inbound")];
    connections.add(contact, kept);
    connections.add(stranger, closed);
    connections.sweep(0);
    connections.sweep(limits.unusedConnectionMs - 1);
    expect(closed.status).toBe("open");
    connections.sweep(limits.unusedConnectionMs);
    expect([kept.status, closed.status]).toEqual(["open", "closed"]);
  });

  test("a stream that is still being agreed on counts as use", () => {
    const connections = table();
    const connection = fake(bigger, "inbound");
    connections.add(bigger, connection);
    connections.sweep(0);
    connection.streams = [{ protocol: "" }];
    connections.sweep(limits.unusedConnectionMs);
    connection.streams = [{ protocol: "/ipfs/ping/1.0.0" }];
    connections.sweep(limits.unusedConnectionMs + 1);
    connections.sweep(2 * limits.unusedConnectionMs);
    expect(connection.status).toBe("open");
    connections.sweep(2 * limits.unusedConnectionMs + 1);
    expect(connection.status).toBe("closed");
  });
});
