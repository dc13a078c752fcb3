import type { Runtime } from "../../peer/messaging/runtime.ts";
import { systemRuntime } from "../../peer/messaging/runtime.ts";
import type { NetworkLimits } from "../../peer/network/limits.ts";
import { connectMailbox } from "../../peer/network/mailbox/mailbox-client.ts";
import type { MailboxConnection } from "../../peer/network/mailbox/mailbox-connection.ts";
import {
  decodeMailboxRequest,
  encodeMailboxFrame,
  type MailboxFrameBody,
  type MailboxRequest,
} from "../../shared/mailbox-frames.ts";
import { RELAY_PROTOCOLS } from "../../shared/protocol.ts";
import { soon } from "./channels.ts";
import { type HostilePeer, type RawStream, startHostilePeer } from "./hostile-peer.ts";

/** A relay whose mailbox says what the test lets it say. */
export type FakeMailbox = {
  readonly peer: HostilePeer;
  readonly address: string;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startFakeMailbox(): Promise<FakeMailbox> {
  const peer = await startHostilePeer({ listen: true, protocols: [RELAY_PROTOCOLS.mailbox] });
  return { peer, address: peer.addresses[0] ?? "", [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}

export const WELCOME = {
  type: "welcome",
  store: new Uint8Array(16).fill(1),
  challenge: new Uint8Array(32).fill(2),
  limits: { parcelsPerBox: 1000, bytesPerBox: 2 ** 24, keepSeconds: 2_592_000 },
} as const;

type Options = { readonly limits?: Partial<NetworkLimits>; readonly runtime?: Runtime; readonly signal?: AbortSignal };

export function connectTo(address: string, options: Options = {}): Promise<MailboxConnection> {
  const { runtime = systemRuntime, signal = soon(), limits = {} } = options;
  const quick = { closeTimeoutMs: 100, ...limits };
  return connectMailbox({ relay: address, allowLocal: true, runtime, signal, limits: quick });
}

/** A client and the relay's end of its stream, both past the welcome. */
export async function withFakeMailbox(
  options: Options,
  run: (pair: { mailbox: MailboxConnection; relay: RelayEnd; fake: FakeMailbox }) => Promise<void>,
): Promise<void> {
  await using fake = await startFakeMailbox();
  const connecting = connectTo(fake.address, options);
  const relay = new RelayEnd(await fake.peer.accept());
  relay.say(WELCOME);
  await using mailbox = await connecting;
  await run({ mailbox, relay, fake });
}

export class RelayEnd {
  readonly raw: RawStream;

  constructor(raw: RawStream) {
    this.raw = raw;
  }

  say(...bodies: readonly MailboxFrameBody[]): void {
    for (const body of bodies) this.raw.writeFrame(encodeMailboxFrame(body));
  }

  async hear<Type extends MailboxRequest["type"]>(type: Type): Promise<Extract<MailboxRequest, { type: Type }>> {
    const frame = await this.raw.readFrame();
    if (frame === undefined) throw new Error("the client ended the stream");
    const request = decodeMailboxRequest(frame);
    if (request.type !== type) throw new Error(`${request.type} instead of ${type}`);
    return request as Extract<MailboxRequest, { type: Type }>;
  }
}
