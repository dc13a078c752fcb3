import { expect, test } from "vitest";
import { findRelayOf, isRelayAddressOf } from "../../shared/relay-address.ts";
import { relayOf } from "../support/people.ts";

const one = relayOf("relay one");
const two = relayOf("relay two");

test.each(["/ip4/192.0.2.9/tcp/4001", "/ip6/2001:db8::9/tcp/4001", "/dns4/relay.example.org/tcp/443"])(
  "an address on %s names the relay at its end",
  (transport) => {
    const address = `${transport}/p2p/${one.id}`;
    expect(findRelayOf(address)).toBe(one.id);
    expect(isRelayAddressOf(one.id, address)).toBe(true);
    expect(isRelayAddressOf(two.id, address)).toBe(false);
  },
);

test.each([
  ["nothing", ""],
  ["only a peer id", one.id],
  ["no peer id", "/ip4/192.0.2.9/tcp/4001"],
  ["something after the peer id", `${one.address}/p2p-circuit`],
  ["another relay before it", `${two.address}/p2p-circuit/p2p/${one.id}`],
  ["a second peer id", `${two.address}/p2p/${one.id}`],
  ["another spelling", `/ip4/192.0.2.9/tcp/04001/p2p/${one.id}`],
  ["an address that is none", `/nowhere/p2p/${one.id}`],
  ["an RSA peer id", "/ip4/192.0.2.9/tcp/4001/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"],
])("an address with %s names none", (_, address) => {
  expect(findRelayOf(address)).toBeUndefined();
});
