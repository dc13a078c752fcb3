import type { Connection, Stream } from "@libp2p/interface";
import { parseDeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import {
  decodePunchFrame,
  encodePunchFrame,
  type PunchFrame,
  type PunchFrameBody,
} from "../../../shared/punch-frames.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { StreamChannel } from "../streams/channel.ts";

type Options = {
  readonly connection: Connection;
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly signal: AbortSignal;
};

/** A short exchange of punch frames, in the order that both sides know. */
export class PunchTalk {
  readonly #channel: StreamChannel;
  readonly #frames: AsyncGenerator<Uint8Array>;
  readonly #signal: AbortSignal;

  constructor(stream: Stream, { connection, limits, runtime, signal }: Options) {
    const remote = parseDeviceId(connection.remotePeer.toString());
    const small = { ...limits, frameBytes: LIMITS.punchFrameMaxBytes };
    this.#channel = new StreamChannel({ stream, connection, remote, limits: small, runtime });
    this.#frames = framesOf(this.#channel);
    this.#signal = signal;
    const onAbort = () => this.#channel.abort(new ChatError("TIMED_OUT", "no answer in time"));
    signal.addEventListener("abort", onAbort);
    void this.#channel.closed.then(() => signal.removeEventListener("abort", onAbort));
  }

  send(frame: PunchFrameBody): Promise<void> {
    return this.#channel.send([encodePunchFrame(frame)], this.#signal);
  }

  /** @throws ChatError FRAME_INVALID for any other frame, PEER_UNREACHABLE, TIMED_OUT */
  async next<Type extends PunchFrame["type"]>(type: Type): Promise<Extract<PunchFrame, { type: Type }>> {
    const { value } = await this.#frames.next();
    if (value === undefined) throw new ChatError("PEER_UNREACHABLE", "the other side has nothing to say");
    const frame = decodePunchFrame(value);
    if (!isType(frame, type)) throw new ChatError("FRAME_INVALID", `a frame "${frame.type}" for "${type}"`);
    return frame;
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}

async function* framesOf(channel: StreamChannel): AsyncGenerator<Uint8Array, undefined> {
  for await (const frames of channel.receive()) yield* frames;
}

function isType<Type extends PunchFrame["type"]>(
  frame: PunchFrame,
  type: Type,
): frame is Extract<PunchFrame, { type: Type }> {
  return frame.type === type;
}
