import { describe, expect, test } from "vitest";
import { canonicalIp, ipNeighbourhood, ipNetwork } from "../../shared/ip-network.ts";

describe("who limits count by is", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:c000:207", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:0db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8:1::5:6:7", "2001:db8:1:0::/64"],
    ["no address", "no address"],
  ])("of %s: %s", (address, network) => {
    expect(ipNetwork(address)).toBe(network);
  });
});

describe("the neighbourhood", () => {
  test.each([
    ["192.0.2.7", "192.0"],
    ["::ffff:192.0.2.7", "192.0"],
    ["2001:db8:1::1", "2001:db8::/32"],
    ["2001::1", "2001:0::/32"],
    ["2001:0:1::1", "2001:0::/32"],
  ])("of %s: %s", (address, neighbourhood) => {
    expect(ipNeighbourhood(address)).toBe(neighbourhood);
  });
});

test("an IPv6 address has one spelling", () => {
  expect(canonicalIp("2001:0DB8:0:0:0:0:0:1")).toBe("2001:db8::1");
  expect(canonicalIp("fe80::1%eth0")).toBe("fe80::1");
});
