import { expect, test } from "vitest";
import { NETWORK_LIMITS } from "../../../../peer/network/limits.ts";
import { openRawTcp, RawStream, startHostilePeer } from "../../../support/hostile-peer.ts";
import { assertStillServes, echo, startTestNetwork } from "../../../support/networks.ts";

const GREETING = "\x13/multistream/1.0.0\n";
const NAMES = Buffer.from(GREETING + "\x03ls\n".repeat(1000));
/** So long that nothing ends by it. */
const NEVER_MS = 120_000;

/** Nothing but too many names ends a negotiation here. */
function startPatient() {
  const limits = { upgradeTimeoutMs: NEVER_MS, negotiationTimeoutMs: NEVER_MS, idleTimeoutMs: NEVER_MS };
  return startTestNetwork("bob", { limits, onChannel: (channel) => void echo(channel).catch(() => {}) });
}

test("a socket on which protocols are named without an end is closed", async () => {
  await using bob = await startPatient();
  const { socket, closed } = await openRawTcp(bob.address);
  socket.write(NAMES);
  await closed;
  await assertStillServes(bob);
});

test("so is one that has proved who it is, before there are streams", async () => {
  await using bob = await startPatient();
  const muxers = Array.from({ length: 20 }, (_, n) => `/muxer/${n}`);
  await using peer = await startHostilePeer({ muxers });
  expect(await peer.dial(bob.address).catch(() => "refused")).toBe("refused");
  await assertStillServes(bob);
});

test("a stream on which protocols are named without an end is reset, and its connection goes on", async () => {
  await using bob = await startPatient();
  await using peer = await startHostilePeer();
  const connection = await peer.dial(bob.address);
  const raw = new RawStream(await peer.openUndecided(connection));
  raw.write(NAMES);
  expect(await raw.closed).toBeInstanceOf(Error);
  const next = await peer.open(connection);
  next.writeFrame(Uint8Array.of(1));
  expect(await next.readFrame()).toEqual(Uint8Array.of(1));
  expect(bob.network.connections().channels).toBeLessThanOrEqual(NETWORK_LIMITS.inboundStreamsPerDevice);
});
