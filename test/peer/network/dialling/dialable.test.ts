import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  announceableAddresses,
  announcedAddresses,
  dialableAddresses,
  dialableOf,
  dialableRelays,
} from "../../../../peer/network/dialling/dialable.ts";
import { deviceIdOf } from "../../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../../shared/ed25519.ts";

const bob = deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(1)));
const carol = deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(2)));

const dave = deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(3)));
const RSA = "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";

const isDialable = (address: string, allowLocal = false) => dialableAddresses(bob, [address], allowLocal).length === 1;

describe("addresses of a record", () => {
  test.each([
    `/ip4/8.8.8.8/tcp/4001/p2p/${bob}`,
    `/ip4/192.168.1.20/tcp/4001/p2p/${bob}`,
    `/ip6/2a00:1450:4001::1/tcp/1/p2p/${bob}`,
    `/ip6/fd00::7/tcp/65535/p2p/${bob}`,
    `/ip4/8.8.8.8/tcp/4001/p2p/${carol}/p2p-circuit/p2p/${bob}`,
    `/ip6/2a00:1450:4001::1/tcp/1/p2p/${carol}/p2p-circuit/p2p/${bob}`,
  ])("dials %s", (address) => {
    expect(isDialable(address)).toBe(true);
  });

  test.each([
    ["no peer id", "/ip4/8.8.8.8/tcp/4001"],
    ["another device", `/ip4/8.8.8.8/tcp/4001/p2p/${carol}`],
    ["an RSA peer id", `/ip4/8.8.8.8/tcp/4001/p2p/${RSA}`],
    ["two peer ids", `/ip4/8.8.8.8/tcp/4001/p2p/${carol}/p2p/${bob}`],
    ["a relay without its id", `/ip4/8.8.8.8/tcp/4001/p2p-circuit/p2p/${bob}`],
    ["a relay to somebody else", `/ip4/8.8.8.8/tcp/4001/p2p/${bob}/p2p-circuit/p2p/${carol}`],
    ["a relay to nobody", `/ip4/8.8.8.8/tcp/4001/p2p/${carol}/p2p-circuit`],
    ["a device as its own relay", `/ip4/8.8.8.8/tcp/4001/p2p/${bob}/p2p-circuit/p2p/${bob}`],
    ["a relay behind a relay", `/ip4/8.8.8.8/tcp/1/p2p/${carol}/p2p-circuit/p2p/${dave}/p2p-circuit/p2p/${bob}`],
    ["a relay behind a circuit", `/ip4/8.8.8.8/tcp/1/p2p/${carol}/p2p-circuit/p2p-circuit/p2p/${bob}`],
    ["a port past a relay", `/ip4/8.8.8.8/tcp/1/p2p/${carol}/p2p-circuit/ip4/8.8.8.8/tcp/1/p2p/${bob}`],
    ["a relay with a host name", `/dns4/relay.example/tcp/4001/p2p/${carol}/p2p-circuit/p2p/${bob}`],
    ["a relay over QUIC", `/ip4/8.8.8.8/udp/4001/quic-v1/p2p/${carol}/p2p-circuit/p2p/${bob}`],
    ["a relay at port 0", `/ip4/8.8.8.8/tcp/0/p2p/${carol}/p2p-circuit/p2p/${bob}`],
    ["a relay with an RSA key", `/ip4/8.8.8.8/tcp/1/p2p/${RSA}/p2p-circuit/p2p/${bob}`],
    ["a host name", `/dns4/localhost/tcp/4001/p2p/${bob}`],
    ["a zone", `/ip6zone/eth0/ip6/fd00::7/tcp/1/p2p/${bob}`],
    ["UDP", `/ip4/8.8.8.8/udp/4001/p2p/${bob}`],
    ["QUIC", `/ip4/8.8.8.8/udp/4001/quic-v1/p2p/${bob}`],
    ["WebSocket", `/ip4/8.8.8.8/tcp/4001/ws/p2p/${bob}`],
    ["a unix socket", `/unix/tmp%2Fsocket/p2p/${bob}`],
    ["port 0", `/ip4/8.8.8.8/tcp/0/p2p/${bob}`],
    ["a port past the last", `/ip4/8.8.8.8/tcp/65536/p2p/${bob}`],
    ["the unspecified address", `/ip4/0.0.0.0/tcp/1/p2p/${bob}`],
    ["a multicast address", `/ip4/224.0.0.1/tcp/1/p2p/${bob}`],
    ["broadcast", `/ip4/255.255.255.255/tcp/1/p2p/${bob}`],
    ["NAT64 of loopback", `/ip6/64:ff9b::7f00:1/tcp/1/p2p/${bob}`],
    ["6to4 of loopback", `/ip6/2002:7f00:1::/tcp/1/p2p/${bob}`],
    ["nothing", ""],
    ["no multiaddr", "8.8.8.8:4001"],
  ])("never dials %s", (_, address) => {
    expect(isDialable(address)).toBe(false);
    expect(isDialable(address, true)).toBe(false);
  });

  test.each([
    `/ip4/127.0.0.1/tcp/1/p2p/${bob}`,
    `/ip4/127.9.9.9/tcp/1/p2p/${bob}`,
    `/ip6/::1/tcp/1/p2p/${bob}`,
    `/ip6/::ffff:127.0.0.1/tcp/1/p2p/${bob}`,
    `/ip6/::ffff:7f00:1/tcp/1/p2p/${bob}`,
    `/ip4/169.254.169.254/tcp/80/p2p/${bob}`,
    `/ip6/fe80::1/tcp/1/p2p/${bob}`,
    `/ip4/127.0.0.1/tcp/1/p2p/${carol}/p2p-circuit/p2p/${bob}`,
    `/ip4/169.254.169.254/tcp/80/p2p/${carol}/p2p-circuit/p2p/${bob}`,
  ])("dials %s only where local addresses are allowed", (address) => {
    expect(isDialable(address)).toBe(false);
    expect(isDialable(address, true)).toBe(true);
  });

  test("dials at most eight, each once", () => {
    const addresses = Array.from({ length: 20 }, (_, n) => `/ip4/8.8.8.${n >> 1}/tcp/1/p2p/${bob}`);
    expect(dialableAddresses(bob, addresses, false)).toEqual(
      Array.from({ length: 8 }, (_, n) => `/ip4/8.8.8.${n}/tcp/1/p2p/${bob}`),
    );
  });

  test("never throws, whatever a record says", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.webPath()), { maxLength: 4 }), (addresses) => {
        expect(dialableAddresses(bob, addresses, true)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

test("what is heard on the local network is dialled first, and takes no place of what the record says", () => {
  const hosts = (start: string, count: number) => Array.from({ length: count }, (_, n) => `${start}.${n}`);
  const at = (host: string) => `/ip4/${host}/tcp/1/p2p/${bob}`;
  const record = hosts("8.8.8", 8).map(at);
  expect(dialableOf(bob, { nearby: hosts("10.0.0", 20).map(at), record }, false)).toEqual([
    ...hosts("10.0.0", 8).map(at),
    ...record,
  ]);
  expect(dialableOf(bob, { nearby: [at("8.8.8.3")], record }, false)).toHaveLength(8);
});

describe("relays of a list", () => {
  test("are dialled at their own address and id, each once, and nowhere else", () => {
    const good = [`/ip4/8.8.8.8/tcp/1/p2p/${carol}`, `/ip4/192.168.1.9/tcp/1/p2p/${dave}`];
    const bad = [
      "/ip4/8.8.8.8/tcp/1",
      `/ip4/8.8.8.8/tcp/1/p2p/${RSA}`,
      `/ip4/127.0.0.1/tcp/1/p2p/${carol}`,
      `/ip4/169.254.169.254/tcp/80/p2p/${carol}`,
      `/dns4/relay.example/tcp/1/p2p/${carol}`,
      `/ip4/8.8.8.8/tcp/1/p2p/${carol}/p2p-circuit/p2p/${dave}`,
      "",
    ];
    expect(dialableRelays([...bad, ...good, ...good], false)).toEqual(good);
    expect(dialableRelays(bad, true)).toEqual([bad[2], bad[3]]);
  });
});

describe("own addresses", () => {
  const listening = [
    "/ip4/127.0.0.1/tcp/9",
    "/ip4/10.0.0.5/tcp/9",
    "/ip4/8.8.8.8/tcp/9",
    "/ip6/fe80::1/tcp/9",
    "/ip4/8.8.8.8/tcp/9",
  ];

  test("are announced with the peer id, the farthest reaching first, never loopback or link-local", () => {
    expect(announceableAddresses(bob, listening, false)).toEqual([
      `/ip4/8.8.8.8/tcp/9/p2p/${bob}`,
      `/ip4/10.0.0.5/tcp/9/p2p/${bob}`,
    ]);
  });

  test("include loopback where peers share a machine, however many others there are", () => {
    const many = Array.from({ length: 12 }, (_, n) => `/ip4/10.0.0.${n}/tcp/9`);
    const announced = announceableAddresses(bob, [...many, ...listening], true);
    expect(announced).toHaveLength(8);
    expect(announced).toContain(`/ip4/127.0.0.1/tcp/9/p2p/${bob}`);
    expect(announced).toContain(`/ip4/8.8.8.8/tcp/9/p2p/${bob}`);
  });

  test("are those that somebody wrote, with the peer id where it was left out", () => {
    const [short, whole] = ["/ip4/8.8.8.8/tcp/9", `/ip4/10.0.0.5/tcp/9/p2p/${bob}`];
    expect(announcedAddresses(bob, [short, whole], false)).toEqual([`${short}/p2p/${bob}`, whole]);
  });

  test.each([
    ["", true],
    ["/dns4/bob.example.org/tcp/9", true],
    ["/ip4/8.8.8.8/tcp/0", true],
    [`/ip4/8.8.8.8/tcp/9/p2p/${carol}`, true],
    ["/ip4/127.0.0.1/tcp/9", false],
  ])("are refused where nobody could dial %j", (address, allowLocal) => {
    expect(() => announcedAddresses(bob, [address], allowLocal)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", reason: "announce" }),
    );
  });
});
