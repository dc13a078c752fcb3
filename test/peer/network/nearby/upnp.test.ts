import { describe, expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { isUsable, Upnp } from "../../../../peer/network/nearby/upnp.ts";
import { type FakeGateway, startGateway } from "../../../support/fake-gateway.ts";
import { FakeTime } from "../../../support/fake-time.ts";

const PORT = 4001;
const MAPPED = `/ip4/198.51.100.7/tcp/${PORT}`;

/** A device behind that router, after its first attempt. */
async function attempted(first: FakeGateway, { allowLocal = true, limits = {} } = {}) {
  /** Where the device is; changed, it has moved. */
  const place: { gateway: FakeGateway; port: number | undefined } = { gateway: first, port: PORT };
  const time = new FakeTime();
  const failures: string[] = [];
  let changes = 0;
  const upnp = new Upnp({
    portAt: (address) => (address === "127.0.0.1" ? place.port : undefined),
    runtime: time.runtime("upnp"),
    limits: { ...NETWORK_LIMITS, ...limits },
    allowLocal,
    search: {
      host: first.search.host,
      get port() {
        return place.gateway.search.port;
      },
    },
    onChanged: () => {
      changes += 1;
    },
    log: (_, { error }) => failures.push(String(error)),
  });
  /** Every attempt ends with the timer for the next. */
  const settle = () => expect.poll(() => time.timers).toBe(1);
  await settle();
  const passTo = async (ms: number) => {
    time.pass(ms);
    await settle();
  };
  return { upnp, failures, passTo, changes: () => changes, time, place };
}

describe("a port at the router", () => {
  test("is opened for an hour, renewed, told once, and closed in the end", async () => {
    await using gateway = await startGateway();
    const { upnp, changes, passTo, time } = await attempted(gateway);
    expect([upnp.address, changes(), ...gateway.open]).toEqual([MAPPED, 1, [`TCP ${PORT}`, "3600"]]);
    gateway.open.clear();
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([upnp.address, changes(), gateway.open.size]).toEqual([MAPPED, 1, 1]);
    await upnp.stop();
    expect([upnp.address, gateway.open.size, time.timers]).toEqual([undefined, 0, 0]);
  });

  test("is no longer told of when the router is gone, and again when it is back with another address", async () => {
    await using gateway = await startGateway();
    const { upnp, changes, passTo } = await attempted(gateway, { limits: { upnpTimeoutMs: 300 } });
    gateway.manners.silent = true;
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([upnp.address, changes()]).toEqual([undefined, 2]);
    Object.assign(gateway.manners, { silent: false, externalAddress: "203.0.113.9" });
    await passTo(NETWORK_LIMITS.upnpRetryMs);
    expect([upnp.address, changes()]).toEqual([`/ip4/203.0.113.9/tcp/${PORT}`, 3]);
    await upnp.stop();
  });

  test("is opened for good where the router knows no leases, and closed all the same", async () => {
    await using gateway = await startGateway({ refusal: { code: 725, forLeases: "limited" } });
    const { upnp } = await attempted(gateway);
    expect([upnp.address, ...gateway.open]).toEqual([MAPPED, [`TCP ${PORT}`, "0"]]);
    await upnp.stop();
    expect(gateway.open.size).toBe(0);
  });

  test("is closed when the device listens on another one, or at another router", async () => {
    await using gateway = await startGateway();
    await using other = await startGateway();
    const { upnp, passTo, place } = await attempted(gateway);
    place.port = 4002;
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([...gateway.open.keys()]).toEqual(["TCP 4002"]);
    place.gateway = other;
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([[...gateway.open], [...other.open.keys()]]).toEqual([[], ["TCP 4002"]]);
    await upnp.stop();
    expect(other.open.size).toBe(0);
  });

  test("is closed when it leads nowhere any more", async () => {
    await using gateway = await startGateway({ refusal: { code: 725, forLeases: "limited" } });
    const { upnp, passTo, place } = await attempted(gateway);
    gateway.manners.externalAddress = "0.0.0.0";
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([upnp.address, gateway.open.size]).toEqual([undefined, 0]);
    gateway.manners.externalAddress = "203.0.113.9";
    await passTo(NETWORK_LIMITS.upnpRetryMs);
    expect([...gateway.open.keys()]).toEqual([`TCP ${PORT}`]);
    place.port = undefined;
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([upnp.address, gateway.open.size]).toEqual([undefined, 0]);
    await upnp.stop();
  });

  test("that cannot be closed keeps the next from nothing", async () => {
    const first = await startGateway();
    await using other = await startGateway();
    const { upnp, passTo, place } = await attempted(first);
    await first[Symbol.asyncDispose]();
    place.gateway = other;
    await passTo(NETWORK_LIMITS.upnpRenewMs);
    expect([upnp.address, ...other.open.keys()]).toEqual([MAPPED, `TCP ${PORT}`]);
    await upnp.stop();
  });

  for (const externalAddress of ["0.0.0.0", "255.255.255.255", "1.2.3.4.5", "999.1.1.1", "example.org", ""]) {
    test(`is not asked for at a router that says it is "${externalAddress}"`, async () => {
      await using gateway = await startGateway({ externalAddress });
      const { upnp, changes } = await attempted(gateway);
      expect([upnp.address, changes(), gateway.asked]).toEqual([undefined, 0, ["search", "GetExternalIPAddress"]]);
      await upnp.stop();
    });
  }

  test.each([
    ["refuses", { refusal: { code: 718 } }, "718"],
    ["says too much", { padding: "x".repeat(70_000) }, "too much"],
    ["sends it to another machine", { controlUrl: "http://127.0.0.2:80/" }, "another machine"],
    ["says nothing", { silent: true }, "TimeoutError"],
    ["names another machine", { host: "127.0.0.2" }, "TimeoutError"],
  ])("is not had from a router that %s, and asked for again", async (_, manners, failure) => {
    await using gateway = await startGateway(manners);
    const { upnp, failures, changes } = await attempted(gateway, { limits: { upnpTimeoutMs: 300 } });
    expect([upnp.address, changes(), gateway.open.size]).toEqual([undefined, 0, 0]);
    expect(failures.join()).toContain(failure);
    await upnp.stop();
  });

  test.each([
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.1.1",
    "224.0.0.1",
    "::1",
    "52.10.0.1.",
    "",
  ])("is no use at an address such as %s, which nobody on the internet reaches", (address) => {
    expect([isUsable(address, false), isUsable("52.10.0.1", false)]).toEqual([false, true]);
  });

  test("is not asked for on this machine unless peers on it are wanted", async () => {
    await using gateway = await startGateway();
    const { upnp } = await attempted(gateway, { allowLocal: false, limits: { upnpTimeoutMs: 300 } });
    expect([upnp.address, gateway.asked]).toEqual([undefined, ["search"]]);
    await upnp.stop();
  });
});
