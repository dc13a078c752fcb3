import { multiaddr } from "@multiformats/multiaddr";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ED25519 } from "../../../shared/ed25519.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import { decodeMailboxAnswer, type MailboxAnswerOf } from "../../../shared/mailbox-frames.ts";
import { RELAY_PROTOCOLS } from "../../../shared/protocol.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { dialFailure } from "../dialling/dial-failure.ts";
import { dialableAddresses } from "../dialling/dialable.ts";
import { connectionGater } from "../dialling/gater.ts";
import { findDevice } from "../find-device.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "../limits.ts";
import { StreamChannel } from "../streams/channel.ts";
import { createNode, type Libp2pNode } from "../transport/libp2p.ts";
import { MailboxConnection } from "./mailbox-connection.ts";

export type MailboxOptions = {
  /** A multiaddr that ends in `/p2p/<relay>`. */
  readonly relay: string;
  /** Dial loopback too. */
  readonly allowLocal: boolean;
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "randomBytes">;
  /** For getting there; an open connection ends by `close`. */
  readonly signal: AbortSignal;
  readonly limits?: Partial<NetworkLimits>;
};

/**
 * Connects to a relay's mailbox, under a libp2p key that is made for this connection and never used again: the relay
 * does not learn which device comes.
 *
 * @throws ChatError PEER_UNREACHABLE, TIMED_OUT; FRAME_INVALID and its like when what answers is no mailbox
 */
export async function connectMailbox(options: MailboxOptions): Promise<MailboxConnection> {
  // a stream that waits for notices is idle; that the relay is there show the pings of its connection
  const limits = { ...NETWORK_LIMITS, ...options.limits, idleTimeoutMs: Number.POSITIVE_INFINITY };
  const { relay, address } = dialable(options);
  const node = await createNode({
    deviceSeed: options.runtime.randomBytes(ED25519.seedBytes),
    listen: [],
    watchedBy: options.runtime,
    gater: connectionGater({ allowLocal: options.allowLocal, refusal: () => undefined, onRefused: () => {} }),
    limits,
  });
  try {
    await node.start();
    const channel = await openChannel(node, { relay, address, limits, options });
    const frames = oneByOne(channel);
    const welcome = await firstFrame(channel, frames, { limits, options });
    return new MailboxConnection({
      channel,
      frames,
      welcome,
      limits,
      runtime: options.runtime,
      stop: () => node.stop(),
    });
  } catch (error) {
    await node.stop();
    throw dialFailure(error, options.signal);
  }
}

function dialable({ relay, allowLocal }: MailboxOptions): { relay: DeviceId; address: string } {
  const device = findDevice(relay.split("/").at(-1) ?? "");
  const [address] = device === undefined ? [] : dialableAddresses(device, [relay], allowLocal);
  if (device !== undefined && address !== undefined) return { relay: device, address };
  throw new ChatError("PEER_UNREACHABLE", "no relay can be dialled there", { reason: "no-address" });
}

type Opening = { readonly limits: NetworkLimits; readonly options: MailboxOptions };

async function openChannel(
  node: Libp2pNode,
  { relay, address, limits, options }: Opening & { relay: DeviceId; address: string },
): Promise<StreamChannel> {
  const within = (ms: number) => AbortSignal.any([options.signal, AbortSignal.timeout(ms)]);
  const connection = await node.dial(multiaddr(address), { signal: within(limits.dialTimeoutMs) });
  const signal = within(limits.negotiationTimeoutMs);
  const stream = await connection.newStream([RELAY_PROTOCOLS.mailbox], { signal });
  return new StreamChannel({ stream, connection, remote: relay, limits, runtime: options.runtime });
}

async function* oneByOne(channel: StreamChannel): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const frames of channel.receive()) yield* frames;
}

async function firstFrame(
  channel: StreamChannel,
  frames: AsyncGenerator<Uint8Array, void, undefined>,
  { limits, options: { runtime, signal } }: Opening,
): Promise<MailboxAnswerOf<"welcome">> {
  const giveUp = (reason?: unknown) =>
    channel.abort(isChatError(reason) ? reason : new ChatError("TIMED_OUT", "the mailbox said no welcome"));
  const onAbort = () => giveUp(signal.reason);
  const cancel = runtime.after(limits.mailboxAnswerTimeoutMs, giveUp);
  signal.addEventListener("abort", onAbort);
  try {
    const { value: first } = await frames.next();
    if (first === undefined) throw new ChatError("PEER_UNREACHABLE", "the mailbox closed the stream");
    const answer = decodeMailboxAnswer(first);
    if (answer.type === "welcome") return answer;
    throw new ChatError("FRAME_INVALID", "the first frame is no welcome", { reason: "answer" });
  } finally {
    signal.removeEventListener("abort", onAbort);
    cancel();
  }
}
