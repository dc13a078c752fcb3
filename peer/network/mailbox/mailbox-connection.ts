import type { KeyObject } from "node:crypto";
import { hex } from "../../../shared/bytes.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { rawPublicKey } from "../../../shared/ed25519.ts";
import { asChatError, ChatError } from "../../../shared/errors.ts";
import {
  decodeMailboxAnswer,
  encodeMailboxFrame,
  type MailboxAnswer,
  type MailboxAnswerOf,
  type MailboxFrameBody,
} from "../../../shared/mailbox-frames.ts";
import { signBoxOpening, signBoxReceipt } from "../../../shared/mailbox-signatures.ts";
import type { BoxKey } from "../../messaging/ports/mailboxes.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import type { StreamChannel } from "../streams/channel.ts";
import { Deadline } from "../streams/deadline.ts";
import { type FetchedParcels, MailboxRequests } from "./mailbox-requests.ts";

type Parts = {
  readonly channel: Pick<StreamChannel, "remote" | "send" | "abort" | "close">;
  /** What arrives on it after the welcome. */
  readonly frames: AsyncIterable<Uint8Array>;
  readonly welcome: MailboxAnswerOf<"welcome">;
  readonly limits: NetworkLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  /** Ends what was made for this connection alone. */
  readonly stop: () => Promise<void> | void;
};

/** Frames that leave in one write. */
const BATCH_BYTES = 128 * 1024;

/**
 * One stream to a relay's mailbox. Requests may be made without waiting for those before; each rejects with the code of
 * the relay's refusal, or with why the connection ended.
 */
export class MailboxConnection {
  /** Another than the last time at this relay: all that lay there is lost. */
  readonly store: Uint8Array;
  readonly limits: MailboxAnswerOf<"welcome">["limits"];
  /** Resolves when the connection is gone: with what ended it, or undefined after `close` or a proper end. */
  readonly closed: Promise<ChatError | undefined>;
  readonly #parts: Parts;
  readonly #challenge: Uint8Array;
  readonly #relayKey: Uint8Array;
  readonly #requests = new MailboxRequests();
  readonly #deadline: Deadline;
  /** The boxes opened here, and whether a notice was passed on that no fetch has followed. */
  readonly #noticed = new Map<string, boolean>();
  #listener: (box: Uint8Array) => void = () => {};
  #unsent: Uint8Array[] = [];
  #writing = false;
  #end: ChatError | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.store = parts.welcome.store;
    this.limits = parts.welcome.limits;
    this.#challenge = parts.welcome.challenge;
    this.#relayKey = publicKeyOfDevice(parts.channel.remote);
    this.#deadline = new Deadline(parts.runtime, () =>
      parts.channel.abort(new ChatError("TIMED_OUT", "the mailbox does not answer")),
    );
    this.closed = this.#read();
  }

  /** Whom to tell that something arrived in an opened box; once, until the box is fetched. Must not throw. */
  onNotice(listener: (box: Uint8Array) => void): void {
    this.#listener = listener;
  }

  /**
   * Makes the box at the relay, or keeps it alive, and asks for its notices.
   *
   * @returns what lies in it
   */
  async open({ key, kind, tokenKey }: BoxKey): Promise<{ readonly parcels: number; readonly bytes: number }> {
    const box = rawPublicKey(key);
    const opening = { relay: this.#relayKey, challenge: this.#challenge, kind, tokenKey };
    // before the answer is waited for, in case it fails
    const signature = signBoxOpening(opening, key);
    const { request, answer } = this.#requests.begin("opened");
    if (!this.#noticed.has(hex(box))) this.#noticed.set(hex(box), false);
    this.#send({ type: "open", request, box, kind, tokenKey, signature });
    const { parcels, bytes } = await answer;
    return { parcels, bytes };
  }

  /** Reads what lies behind that place of a box that was opened here; 0 for all. It stays there until the receipt. */
  fetch(box: Uint8Array, after: number): Promise<FetchedParcels> {
    const { request, answer } = this.#requests.beginFetch(box, after);
    if (this.#noticed.has(hex(box))) this.#noticed.set(hex(box), false);
    this.#send({ type: "fetch", request, box, after });
    return answer;
  }

  /** Says that those parcels are safe: the relay deletes them. */
  async receipt(boxKey: KeyObject, places: readonly number[]): Promise<void> {
    const box = rawPublicKey(boxKey);
    const content = { relay: this.#relayKey, challenge: this.#challenge, box, places };
    const signature = signBoxReceipt(content, boxKey);
    const { request, answer } = this.#requests.begin("deleted");
    this.#send({ type: "receipt", request, box, places: [...places], signature });
    await answer;
  }

  /**
   * Leaves a parcel; resolves once it is on the relay's disk, as often as it is left there.
   *
   * @param token  null for a box of requests
   */
  async deposit(box: Uint8Array, token: Uint8Array | null, parcel: Uint8Array): Promise<void> {
    const { request, answer } = this.#requests.begin("deposited");
    this.#send({ type: "deposit", request, box, token, parcel });
    await answer;
  }

  /** Ends the connection; what is not answered rejects. Idempotent. */
  async close(): Promise<void> {
    this.#fail(new ChatError("PEER_UNREACHABLE", "the connection to the mailbox was closed", { reason: "closed" }));
    await this.#parts.channel.close();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(): Promise<ChatError | undefined> {
    const { channel, frames } = this.#parts;
    let failure: ChatError | undefined;
    try {
      for await (const frame of frames) this.#take(decodeMailboxAnswer(frame));
    } catch (error) {
      failure = asChatError(error);
      channel.abort(failure);
    }
    const isWanted = this.#end !== undefined;
    this.#fail(failure ?? new ChatError("PEER_UNREACHABLE", "the mailbox closed the stream"));
    await this.#stop();
    return isWanted ? undefined : failure;
  }

  /** Never throws: the connection is gone either way, and nobody may be waiting for its end. */
  async #stop(): Promise<void> {
    try {
      await this.#parts.stop();
    } catch (error) {
      this.#parts.channel.abort(asChatError(error));
    }
  }

  #take(answer: MailboxAnswer): void {
    try {
      if (answer.type === "notice") this.#onNotice(answer.box);
      else if (answer.type === "welcome")
        throw new ChatError("FRAME_INVALID", "a second welcome", { reason: "answer" });
      else if (this.#end === undefined) this.#onAnswer(answer);
    } catch (error) {
      // before the loop's end would close the stream gently
      this.#parts.channel.abort(asChatError(error));
      throw error;
    }
  }

  #onAnswer(answer: Parameters<MailboxRequests["take"]>[0]): void {
    this.#requests.take(answer);
    if (this.#requests.size === 0) this.#deadline.stop();
    else this.#deadline.putOff();
  }

  #onNotice(box: Uint8Array): void {
    const noticed = this.#noticed.get(hex(box));
    if (noticed === undefined) throw new ChatError("FRAME_INVALID", "a notice of another box", { reason: "answer" });
    if (noticed || this.#end !== undefined) return;
    this.#noticed.set(hex(box), true);
    this.#listener(box);
  }

  #send(body: MailboxFrameBody): void {
    if (this.#end !== undefined) {
      this.#requests.fail(this.#end);
      return;
    }
    if (this.#requests.size === 1) this.#deadline.start(this.#parts.limits.mailboxAnswerTimeoutMs);
    this.#unsent.push(encodeMailboxFrame(body));
    if (this.#writing) return;
    this.#writing = true;
    // later: what else is asked for in this turn leaves in the same write
    queueMicrotask(() => void this.#write());
  }

  /** One writer: of several that wait for the stream to drain, all would write at once and overflow it. */
  async #write(): Promise<void> {
    const { channel } = this.#parts;
    try {
      while (this.#unsent.length > 0) await channel.send(this.#nextBatch());
    } catch (error) {
      channel.abort(asChatError(error));
    } finally {
      this.#writing = false;
    }
  }

  #nextBatch(): Uint8Array[] {
    let bytes = 0;
    const end = this.#unsent.findIndex((frame) => {
      bytes += frame.length;
      return bytes > BATCH_BYTES;
    });
    return this.#unsent.splice(0, end === -1 ? this.#unsent.length : Math.max(1, end));
  }

  #fail(error: ChatError): void {
    this.#end ??= error;
    this.#deadline.stop();
    this.#unsent = [];
    this.#requests.fail(this.#end);
  }
}
