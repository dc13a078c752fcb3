import { expect } from "vitest";
import type { Channel } from "../../peer/messaging/ports/transport.ts";
import type { Runtime } from "../../peer/messaging/runtime.ts";
import type { NetworkLimits } from "../../peer/network/limits.ts";
import { type HostilePeer, type RawStream, startHostilePeer } from "./hostile-peer.ts";
import { startTestNetwork, type TestNetwork } from "./networks.ts";

/** Long enough for what must happen. */
export const soon = () => AbortSignal.timeout(60_000);

export const frameOf = (n: number, length = 8) => new Uint8Array(length).fill(n);

/** Everything until the end, and how it ended. */
export async function readAll(channel: Channel): Promise<{ frames: Uint8Array[]; code: string | undefined }> {
  const frames: Uint8Array[] = [];
  try {
    for await (const batch of channel.receive()) frames.push(...batch);
    return { frames, code: undefined };
  } catch (error) {
    return { frames, code: (error as { code: string }).code };
  }
}

type Pair = { bob: TestNetwork; peer: HostilePeer; raw: RawStream; channel: Channel };

/** A raw stream of a peer without manners, and the channel that it is at bob's. */
export async function withRaw(
  options: { limits?: Partial<NetworkLimits>; runtime?: Runtime },
  run: (pair: Pair) => Promise<void>,
): Promise<void> {
  await using bob = await startTestNetwork("bob", options);
  await using peer = await startHostilePeer();
  const raw = await peer.open(bob.address);
  await run({ bob, peer, raw, channel: await bob.accept() });
}

export async function withPair(
  { limits = {} }: { limits?: Partial<NetworkLimits> },
  run: (pair: { from: Channel; to: Channel; bob: TestNetwork }) => Promise<void>,
): Promise<void> {
  await using alice = await startTestNetwork("alice", { limits });
  await using bob = await startTestNetwork("bob", { limits });
  const from = await alice.network.connect(bob.device, [bob.address], soon());
  await run({ from, to: await bob.accept(), bob });
}

/** Resolves once bob has what the peer wrote so far: frames of one connection arrive in order, whatever the stream. */
export async function arrivalOfAllBefore(peer: HostilePeer, bob: TestNetwork): Promise<void> {
  const marker = await peer.open(peer.node.getConnections()[0] ?? bob.address);
  marker.writeFrame(frameOf(2));
  for await (const _ of (await bob.accept()).receive()) break;
}

/** Resolves when a count has stood still for a while. */
export async function hasStopped(count: () => number): Promise<void> {
  let last = Number.NaN;
  const stands = () => {
    const before = last;
    last = count();
    return before === last;
  };
  await expect.poll(stands, { interval: 200 }).toBe(true);
}

/** The next frame as text; empty at the end of the channel. */
export async function firstFrame(channel: Channel): Promise<string> {
  for await (const [frame] of channel.receive()) return new TextDecoder().decode(frame);
  return "";
}
