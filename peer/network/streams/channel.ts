import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from "@libp2p/interface";
import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { Channel } from "../../messaging/ports/transport.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { type ConnectionPath, pathOf } from "../connection-path.ts";
import type { NetworkLimits } from "../limits.ts";
import { Deadline } from "./deadline.ts";
import { drained } from "./drained.ts";
import { encodeFrames, FrameParser } from "./framing.ts";

type ChannelOptions = {
  readonly stream: Stream;
  /** The one that carries the stream; needed where somebody asks for the path. */
  readonly connection?: Pick<Connection, "direct">;
  readonly remote: DeviceId;
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
};

/**
 * A channel over one libp2p stream. `receive` has one consumer; when it ends, however it ends, the channel closes, so no
 * stream stays half open. Frames that arrived whole are handed out before the reason of the end.
 */
export class StreamChannel implements Channel {
  readonly remote: DeviceId;
  readonly #connection: Pick<Connection, "direct">;
  readonly #stream: Stream;
  readonly #limits: NetworkLimits;
  readonly #parser: FrameParser;
  readonly #closed = Promise.withResolvers<void>();
  /** For the frame that is arriving, or the first one. */
  readonly #frameDeadline: Deadline;
  readonly #idleDeadline: Deadline;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #pausing = false;
  #wake = () => {};
  /** Set once nothing more will arrive: an error, or undefined for a proper end. */
  #end: { readonly error: ChatError | undefined } | undefined;
  #remoteFinished: boolean;
  #closing: Promise<void> | undefined;

  constructor({ stream, connection = { direct: true }, remote, limits, runtime }: ChannelOptions) {
    this.remote = remote;
    this.#connection = connection;
    this.#stream = stream;
    this.#limits = limits;
    this.#frameDeadline = new Deadline(runtime, () => this.#fail(new ChatError("TIMED_OUT", "a frame took too long")));
    this.#idleDeadline = new Deadline(runtime, () => this.#onIdle());
    this.#parser = new FrameParser(limits.frameBytes);
    this.#remoteFinished = stream.remoteWriteStatus === "closed";
    if (this.inbound) this.#frameDeadline.start(limits.firstFrameTimeoutMs);
    this.#idleDeadline.start(limits.idleTimeoutMs);
    this.#listen();
  }

  /** Resolves when the stream is closed, by whom- and however. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Asked when it matters: that a hole was punched is known only after the connection is there. */
  get path(): ConnectionPath {
    return pathOf(this.#connection);
  }

  get protocol(): string {
    return this.#stream.protocol;
  }

  get inbound(): boolean {
    return this.#stream.direction === "inbound";
  }

  async send(frames: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    if (frames.length === 0) return;
    const bytes = encodeFrames(frames, this.#limits.frameBytes);
    await drained(this.#stream, signal);
    try {
      this.#stream.send(bytes);
    } catch (cause) {
      throw new ChatError("PEER_UNREACHABLE", "the channel is closed", { cause });
    }
    this.#idleDeadline.putOff();
    await drained(this.#stream, signal);
  }

  async *receive(): AsyncGenerator<readonly Uint8Array[], void, undefined> {
    try {
      for (;;) {
        if (this.#unread.length > 0) yield this.#take();
        else if (this.#end !== undefined) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (this.#end.error !== undefined) throw this.#end.error;
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeBothWays();
    return this.#closing;
  }

  abort(error: Error): void {
    this.#unread = [];
    this.#fail(
      isChatError(error) ? error : new ChatError("PEER_UNREACHABLE", "the channel was aborted", { cause: error }),
    );
  }

  /** A throw inside a listener of libp2p would end the process: `guarded` turns it into the end of this stream. */
  #listen(): void {
    const stream = this.#stream;
    stream.addEventListener("message", (event) => this.#guarded(() => this.#onMessage(event)));
    stream.addEventListener("remoteCloseWrite", () => (this.#remoteFinished = true));
    stream.addEventListener("end", () => this.#guarded(() => this.#onEnd()));
    stream.addEventListener("drain", () => this.#idleDeadline.putOff());
    stream.addEventListener("close", (event) => this.#onClose(event));
    if (stream.readableEnded) this.#onEnd();
    if (stream.status !== "open") this.#onClose(undefined);
  }

  #guarded(listener: () => void): void {
    try {
      listener();
    } catch (cause) {
      this.#fail(isChatError(cause) ? cause : new ChatError("INTERNAL", "a listener of the channel failed", { cause }));
    }
  }

  #onMessage({ data }: StreamMessageEvent): void {
    this.#idleDeadline.putOff();
    if (this.#end !== undefined) return;
    const before = this.#unread.length;
    const wasPartial = this.#parser.partial;
    try {
      for (const chunk of data instanceof Uint8Array ? [data] : data) this.#parser.push(chunk, this.#unread);
    } finally {
      this.#unreadBytes += data.byteLength;
    }
    if (this.#unread.length > before || !wasPartial) this.#restartFrameDeadline();
    if (this.#unread.length > before) this.#wake();
    if (this.#unreadBytes > this.#limits.unreadBytes) this.#pauseSoon();
  }

  #restartFrameDeadline(): void {
    if (this.#parser.partial) this.#frameDeadline.start(this.#limits.frameTimeoutMs);
    else this.#frameDeadline.stop();
  }

  /** Within a listener `pause` breaks libp2p's flow control: a `resume` under way would undo it on the wire only. */
  #pauseSoon(): void {
    if (this.#pausing) return;
    this.#pausing = true;
    queueMicrotask(() => {
      // the reader may have caught up meanwhile; nobody would resume then
      if (!this.#pausing || this.#stream.readStatus !== "readable") return;
      this.#stream.pause();
      // time in which this side does not read is not the sender's
      this.#frameDeadline.stop();
    });
  }

  #take(): readonly Uint8Array[] {
    const frames = this.#unread;
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#idleDeadline.putOff();
    this.#resume();
    return frames;
  }

  #resume(): void {
    this.#pausing = false;
    if (this.#stream.readStatus !== "paused") return;
    this.#restartFrameDeadline();
    this.#guarded(() => this.#stream.resume());
  }

  /** All that the other side sent has been read. libp2p says so too when the connection is gone: `close` follows. */
  #onEnd(): void {
    if (!this.#remoteFinished) return;
    if (this.#parser.partial) this.#fail(new ChatError("FRAME_INVALID", "the stream ends within a frame"));
    else this.#finish(undefined);
  }

  #onClose(event: StreamCloseEvent | undefined): void {
    this.#finish(new ChatError("PEER_UNREACHABLE", "the channel is gone", { cause: event?.error }));
    this.#idleDeadline.stop();
    this.#closed.resolve();
  }

  #onIdle(): void {
    if (this.#stream.writableNeedsDrain) this.#fail(new ChatError("TIMED_OUT", "the other side does not read"));
    else void this.close();
  }

  #fail(error: ChatError): void {
    this.#finish(error);
    this.#stream.abort(error);
  }

  #finish(error: ChatError | undefined): void {
    this.#end ??= { error };
    this.#frameDeadline.stop();
    this.#wake();
  }

  async #closeBothWays(): Promise<void> {
    this.#finish(undefined);
    this.#unread = [];
    const signal = AbortSignal.timeout(this.#limits.closeTimeoutMs);
    const onTimeout = () => this.#stream.abort(new ChatError("TIMED_OUT", "the other side did not close"));
    signal.addEventListener("abort", onTimeout);
    try {
      // what still arrives is read and dropped: a sender held back by flow control could not finish
      this.#resume();
      await this.#stream.close({ signal });
      await this.#closed.promise;
    } catch (cause) {
      this.#stream.abort(new ChatError("PEER_UNREACHABLE", "the channel did not close", { cause }));
    } finally {
      signal.removeEventListener("abort", onTimeout);
    }
  }
}
