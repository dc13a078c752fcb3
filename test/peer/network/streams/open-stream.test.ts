import { setTimeout as after } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { firstFrame, frameOf, hasStopped, soon } from "../../../support/channels.ts";
import { partsOf } from "../../../support/connection-parts.ts";
import { expectError } from "../../../support/expect-error.ts";
import { settled } from "../../../support/fake-relays.ts";
import { type FaultProxy, startFaultProxy } from "../../../support/fault-proxy.ts";
import { tcpAddress } from "../../../support/hostile-peer.ts";
import { startTestNetwork, type TestNetwork } from "../../../support/networks.ts";
import { startPairOfNodes } from "../../../support/pair-of-nodes.ts";
import { startRelay } from "../../../support/relay.ts";
import { relayed } from "../../../support/relayed.ts";

const KIB = 1024;
const SILENT_MS = 1200;

type Chat = {
  readonly alice: TestNetwork;
  readonly bob: TestNetwork;
  /** Holds back all that alice sends, until the answer is called. */
  hold(): () => void;
  /** Bob writes to alice, and alice reads it, for so long or until `over` is. */
  chatter(ms: number, over?: Promise<unknown>): Promise<void>;
};

/** Alice has written to bob over the line of that proxy. */
async function connectedOver(
  line: FaultProxy,
  { alice, bob, addresses }: Pick<Chat, "alice" | "bob"> & { readonly addresses: readonly string[] },
): Promise<Chat> {
  const channel = await alice.network.connect(bob.device, addresses, soon());
  await channel.send([frameOf(1)]);
  const accepted = await bob.accept();
  const heard = channel.receive()[Symbol.asyncIterator]();
  return {
    ...{ alice, bob },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      line.setFaults({ diallerHeldUntil: promise });
      return () => {
        line.setFaults({});
        resolve();
      };
    },
    async chatter(ms, over) {
      let isOver = false;
      over?.finally(() => {
        isOver = true;
      });
      for (let passedMs = 0; passedMs < ms && !isOver; passedMs += 50) {
        await after(50);
        await accepted.send([frameOf(2)]);
        await heard.next();
      }
    },
  };
}

const limits = { negotiationTimeoutMs: SILENT_MS };

async function direct(devices: AsyncDisposableStack, more = {}): Promise<Chat> {
  const alice = devices.use(await startTestNetwork("alice", { limits: { ...limits, ...more } }));
  const bob = devices.use(await startTestNetwork("bob", { limits }));
  const line = devices.use(await startFaultProxy(tcpAddress(bob.address)));
  return connectedOver(line, { alice, bob, addresses: [line.address(bob.device)] });
}

async function throughRelay(devices: AsyncDisposableStack): Promise<Chat> {
  const relay = devices.use(await startRelay("relay"));
  const line = devices.use(await startFaultProxy(tcpAddress(relay.address)));
  const bob = devices.use(await startTestNetwork("bob", { limits, relays: () => [relay.address] }));
  const alice = devices.use(await startTestNetwork("alice", { limits, dialOnly: true }));
  const addresses = (await relayed(bob)).map((address) => address.replace(`/tcp/${relay.port}/`, `/tcp/${line.port}/`));
  return connectedOver(line, { alice, bob, addresses });
}

describe("a new stream behind a full and slow uplink", () => {
  test.each([
    ["direct connection", direct],
    ["relayed connection", throughRelay],
  ])(
    "of a %s is waited for, as long as other things come in",
    async (_, connect) => {
      await using devices = new AsyncDisposableStack();
      const { alice, bob, hold, chatter } = await connect(devices);
      const release = hold();
      const opening = alice.network.openGossip(bob.device, soon());
      await chatter(2.5 * SILENT_MS);
      release();
      const channel = await opening;
      await channel?.send([new TextEncoder().encode("there")]);
      expect(await firstFrame(await bob.accept())).toBe("there");
    },
    20_000,
  );

  test("is given up in the end, whatever else comes in", async () => {
    await using devices = new AsyncDisposableStack();
    const { alice, bob, hold, chatter } = await direct(devices, { negotiationMaxMs: 2 * SILENT_MS });
    const release = hold();
    const refused = expectError(alice.network.openGossip(bob.device, soon()), "TIMED_OUT");
    await chatter(20 * SILENT_MS, refused);
    await refused;
    release();
  }, 40_000);

  test("is given up where nothing comes in", async () => {
    await using devices = new AsyncDisposableStack();
    const { alice, bob, hold } = await direct(devices);
    const release = hold();
    await expectError(alice.network.openGossip(bob.device, soon()), "TIMED_OUT");
    release();
  }, 20_000);
});

test("a new stream waits behind what was sent before, and not behind what other streams still have to send", async () => {
  await using nodes = await startPairOfNodes();
  const bulk = [await nodes.open()];
  while (bulk.length < 24) bulk.push(await nodes.open());
  let arrived = 0;
  let arrivedBefore: number | undefined;
  for (const { far, farConnection } of bulk) {
    far.addEventListener("message", ({ data }) => {
      const isAgreed = farConnection.streams.length > bulk.length && farConnection.streams.at(-1)?.protocol !== "";
      if (isAgreed) arrivedBefore ??= arrived;
      arrived += data.byteLength;
    });
  }
  const [near, far] = [nodes.connection, bulk[0]?.farConnection].map((one) => one && partsOf(one).socket);
  far?.pause();
  const each = 1024 * KIB;
  for (const one of bulk) one.near.send(new Uint8Array(each));
  const unsent = () => bulk.reduce((sum, one) => sum + one.near.writeBufferLength, 0);
  await hasStopped(unsent);
  expect(near?.writableNeedsDrain).toBe(true);
  const sentBefore = bulk.length * each - unsent();
  const opening = nodes.open();
  await settled();
  far?.resume();
  await opening;
  await expect.poll(() => arrivedBefore, { timeout: 10_000 }).toBeDefined();
  expect(arrivedBefore).toBeLessThan(sentBefore + each);
}, 20_000);
