import { describe, expect, test } from "vitest";
import { endIfSilent } from "../../../../peer/network/reservations/alive.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";

const limits = { aliveTimeoutMs: 4000 };

describe("a connection that may be dead", () => {
  test("is kept where the other side answers", async () => {
    await using pair = await startPairOfNodes();
    const time = new FakeTime();
    await endIfSilent(pair.connection, { limits, runtime: time.runtime("near") });
    expect([pair.connection.status, time.timers]).toEqual(["open", 0]);
  });

  test("is ended where nothing comes in time, not before", async () => {
    await using pair = await startPairOfNodes();
    const time = new FakeTime();
    const decided = endIfSilent(pair.connection, { limits, runtime: time.runtime("near") });
    time.pass(limits.aliveTimeoutMs - 1);
    expect(pair.connection.status).toBe("open");
    time.pass(1);
    await decided;
    expect(pair.connection.status).toBe("aborted");
  });

  test("is kept where something else comes before the answer", async () => {
    await using pair = await startPairOfNodes();
    const { near, far } = await pair.open();
    const time = new FakeTime();
    const arrived = new Promise((resolve) => near.addEventListener("message", resolve, { once: true }));
    far.send(Uint8Array.of(1));
    const decided = endIfSilent(pair.connection, { limits, runtime: time.runtime("near") });
    await arrived;
    time.pass(limits.aliveTimeoutMs);
    await decided;
    expect(pair.connection.status).toBe("open");
  });
});
