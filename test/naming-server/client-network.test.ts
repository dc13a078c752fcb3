import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { createClientNetworks, parseTrustedProxies } from "../../naming-server/client-network.ts";
import { expectError } from "../support/expect-error.ts";

const request = (remoteAddress: string | undefined, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } }) as unknown as IncomingMessage;

describe("the network of a client", () => {
  const networkOf = createClientNetworks(undefined);

  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:1:2:8000::", "2001:db8:1:2::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("%s is %s", (address, network) => {
    expect(networkOf(request(address))).toBe(network);
  });

  test("is not what a header says where no proxy is trusted", () => {
    expect(networkOf(request("192.0.2.7", "198.51.100.1"))).toBe("192.0.2.7");
  });

  test("of a connection that is gone is one for all of them", () => {
    expect(networkOf(request(undefined))).toBe("");
  });
});

describe("behind so many proxies, the client", () => {
  test.each([
    ["1", "203.0.113.9", "203.0.113.9"],
    ["1", "6.6.6.6, 203.0.113.9", "203.0.113.9"],
    ["2", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["2", "203.0.113.9", "203.0.113.9"],
    ["1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"],
    ["1", "203.0.113.9:5555", "203.0.113.9"],
    ["1", "2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["1", "::ffff:203.0.113.9", "203.0.113.9"],
    ["1", "unknown", "10.0.0.1"],
    ["1", "", "10.0.0.1"],
    ["1", undefined, "10.0.0.1"],
  ])("(%s, %s) is %s", (hops, forwarded, network) => {
    const networkOf = createClientNetworks(parseTrustedProxies(hops));
    expect(networkOf(request("10.0.0.1", forwarded))).toBe(network);
  });
});

describe("behind proxies of a network, the client", () => {
  const networkOf = createClientNetworks(parseTrustedProxies("10.0.0.0/8, 2001:db8:ffff::/48, 127.0.0.1"));

  test.each([
    ["10.1.2.3", "203.0.113.9", "203.0.113.9"],
    ["10.1.2.3", "6.6.6.6, 203.0.113.9, 10.9.9.9", "203.0.113.9"],
    ["::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"],
    ["2001:db8:ffff::5", "203.0.113.9", "203.0.113.9"],
    ["203.0.113.50", "198.51.100.1", "203.0.113.50"],
    ["127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"],
    ["10.1.2.3", "203.0.113.9, garbage", "10.1.2.3"],
  ])("from %s with %s is %s", (remote, forwarded, network) => {
    expect(networkOf(request(remote, forwarded))).toBe(network);
  });
});

test.each(["true", "all", "*", "", "0", "-1", "10.0.0.0/", "10.0.0.0/8/8", "localhost", "0.0.0.0/0", "::/0"])(
  "nobody can be told to trust %j",
  async (text) => {
    await expectError(() => parseTrustedProxies(text), "CONFIG_INVALID");
  },
);
