import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { Sightings } from "../../../../peer/network/nearby/sightings.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { personOf } from "../../../support/people.ts";

const { device: bob } = personOf("bob");
const { device: carol } = personOf("carol");
const at = (host: string) => `/ip4/${host}/tcp/4001`;
const { lanKeepMs, lanFoundIntervalMs } = NETWORK_LIMITS;

function world() {
  const time = new FakeTime();
  const found: string[] = [];
  const sightings = new Sightings({
    allowLocal: false,
    runtime: time.runtime("lan"),
    limits: NETWORK_LIMITS,
    onFound: (device) => found.push(device),
  });
  return { time, sightings, found };
}

describe("a device on the local network", () => {
  test("is found once for as long as it is heard of, and again when it is back", () => {
    const { sightings, found, time } = world();
    for (let n = 0; n < 5; n += 1) {
      sightings.heard(bob, [at("192.168.1.7")]);
      time.pass(lanKeepMs - 1);
    }
    expect([found, sightings.addressesOf(bob)]).toEqual([[bob], [`${at("192.168.1.7")}/p2p/${bob}`]]);
    time.pass(1);
    expect(sightings.addressesOf(bob)).toEqual([]);
    sightings.heard(bob, [at("192.168.1.7")]);
    expect(found).toEqual([bob, bob]);
  });

  test("is believed to be in a private network only", () => {
    const { sightings, found } = world();
    sightings.heard(bob, [at("8.8.8.8"), at("127.0.0.1"), at("169.254.169.254"), "/dns4/localhost/tcp/1"]);
    expect([found, sightings.addressesOf(bob)]).toEqual([[], []]);
  });

  test("that seems to move all the time is found now and then, and where it stays in the end", () => {
    const { sightings, found, time } = world();
    for (let n = 0; n < 1000; n += 1) {
      sightings.heard(bob, [at(`10.0.${n % 7}.1`)]);
      time.pass(10);
    }
    expect(found.length).toBe(10_000 / lanFoundIntervalMs);
    sightings.heard(bob, [at("192.168.1.7")]);
    time.pass(lanFoundIntervalMs);
    sightings.heard(bob, [at("192.168.1.7")]);
    expect([found.length, sightings.addressesOf(bob)]).toEqual([3, [`${at("192.168.1.7")}/p2p/${bob}`]]);
    sightings.heard(carol, [at("192.168.1.8")]);
    expect(found.at(-1)).toBe(carol);
  });

  test("is remembered by eight addresses, whatever it says", () => {
    const { sightings } = world();
    sightings.heard(
      bob,
      Array.from({ length: 4000 }, (_, n) => at(`10.0.${n >> 8}.${n & 255}`)),
    );
    expect(sightings.addressesOf(bob)).toHaveLength(8);
  });
});
