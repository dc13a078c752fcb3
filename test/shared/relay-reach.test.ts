import { describe, expect, test } from "vitest";
import { isWithinReach, type RelayReach, relayReachAt } from "../../shared/relay-reach.ts";
import { personOf } from "../support/people.ts";

const { device: relay } = personOf("relay");

describe("relays of a naming server", () => {
  test.each([
    ["https://names.example.org", "global"],
    ["https://52.10.0.2:8443/names", "global"],
    ["https://[2a00:1450::1]", "global"],
    ["https://127.0.0.1.example.org", "global"],
    ["https://local.example.org", "global"],
    ["http://127.0.0.1:8080", "loopback"],
    ["http://2130706433:8080", "loopback"],
    ["http://[::1]:8080", "loopback"],
    ["http://[::ffff:127.0.0.1]:8080", "loopback"],
    ["http://localhost:8080", "loopback"],
    ["http://names.localhost", "loopback"],
    ["http://192.168.1.5:8080", "private"],
    ["http://[fd00::1]", "private"],
    ["http://100.64.0.1", "private"],
    ["http://names:8080", "private"],
    ["https://names.local", "private"],
    ["https://names.internal.", "private"],
    ["https://names.home.arpa", "private"],
    ["http://169.254.169.254", "global"],
  ])("at %s are %s", (url, reach) => {
    expect(relayReachAt(url)).toBe(reach);
  });

  const reaches: readonly RelayReach[] = ["global", "private", "loopback"];
  test.each([
    ["/ip4/8.8.8.8/tcp/1", ["global", "private", "loopback"]],
    ["/ip6/2a00:1450:4001::1/tcp/1", ["global", "private", "loopback"]],
    [`/ip4/8.8.8.8/tcp/1/p2p/${relay}`, ["global", "private", "loopback"]],
    ["/ip4/10.0.0.1/tcp/1", ["private", "loopback"]],
    ["/ip4/172.31.0.1/tcp/1", ["private", "loopback"]],
    ["/ip4/192.168.1.1/tcp/1", ["private", "loopback"]],
    ["/ip4/100.127.0.1/tcp/1", ["private", "loopback"]],
    ["/ip6/fd00::1/tcp/1", ["private", "loopback"]],
    ["/ip6/fec0::1/tcp/1", ["private", "loopback"]],
    ["/ip6/::ffff:10.0.0.1/tcp/1", ["private", "loopback"]],
    ["/ip4/127.0.0.1/tcp/1", ["loopback"]],
    ["/ip6/::1/tcp/1", ["loopback"]],
    ["/ip6/::ffff:7f00:1/tcp/1", ["loopback"]],
    ["/ip4/169.254.169.254/tcp/80", ["loopback"]],
    ["/ip6/fe80::1/tcp/1", ["loopback"]],
    ["/dns4/relay.example/tcp/1", []],
    ["/dns/relay.example/tcp/1", []],
    ["/dnsaddr/relay.example", []],
    ["/ip4/8.8.8.8", []],
    ["/ip4/8.8.8.8/tcp/0", []],
    ["/ip4/8.8.8.8/udp/1", []],
    ["/ip4/8.8.8.8/udp/1/quic-v1", []],
    ["/ip4/8.8.8.8/tcp/1/ws", []],
    [`/ip4/8.8.8.8/tcp/1/ws/p2p/${relay}`, []],
    ["/ip6zone/eth0/ip6/2a00:1450:4001::1/tcp/1", []],
    ["/memory/1", []],
    ["nonsense", []],
    ["/ip4/0.0.0.0/tcp/1", []],
    ["/ip4/198.17.255.255/tcp/1", ["global", "private", "loopback"]],
    ["/ip4/198.18.0.1/tcp/1", []],
    ["/ip4/198.19.255.254/tcp/1", []],
    ["/ip6/::ffff:198.18.0.1/tcp/1", []],
    ["/ip4/198.20.0.0/tcp/1", ["global", "private", "loopback"]],
    ["/ip6/::/tcp/1", []],
    ["/ip4/224.0.0.1/tcp/1", []],
    ["/ip6/ff02::1/tcp/1", []],
    ["/ip4/255.255.255.255/tcp/1", []],
    ["/ip6/64:ff9b::a00:1/tcp/1", []],
    ["/ip6/2002:a00:1::/tcp/1", []],
    ["/ip6/2001:0:a00:1::/tcp/1", []],
  ])("%s are within reach for %j", (address, expected) => {
    expect(reaches.filter((reach) => isWithinReach(address, reach))).toEqual(expected);
  });
});
