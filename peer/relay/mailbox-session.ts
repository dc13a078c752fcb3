import { hex } from "../../shared/bytes.ts";
import { asChatError, ChatError, isChatError } from "../../shared/errors.ts";
import {
  decodeMailboxRequest,
  encodeMailboxFrame,
  type MailboxFrameBody,
  type MailboxRequest,
  type MailboxRequestOf,
} from "../../shared/mailbox-frames.ts";
import { verifyBoxOpening, verifyBoxReceipt } from "../../shared/mailbox-signatures.ts";
import { MAILBOX_LIMITS } from "../../shared/protocol.ts";
import type { Channel } from "../messaging/ports/transport.ts";
import type { Runtime } from "../messaging/runtime.ts";
import type { Mailbox } from "./mailbox.ts";

type Parts = {
  readonly channel: Pick<Channel, "send" | "receive" | "abort" | "close">;
  readonly mailbox: Mailbox;
  /** Whom rates count. */
  readonly network: string;
  /** The relay's 32-byte public key, which the owners of boxes sign. */
  readonly relayKey: Uint8Array;
  readonly runtime: Pick<Runtime, "after" | "randomBytes">;
  /** Counts what was answered, by type, and refused, by code. */
  readonly counted: (what: string) => void;
};

const CHALLENGE_BYTES = 32;
/** Signatures that do not verify; then the stream ends. */
const MAX_FORGERIES = 8;
/** A client that does not read for so long is left. */
const SEND_TIMEOUT_MS = 30_000;
/** Without a request, as long as no box was opened here. */
const IDLE_MS = 60_000;
const PAUSE_MS = 1000;
/** Parcels in memory for one stream. */
const PIECE_BYTES = 128 * 1024;

/** Serves one stream of `/p2pchat/mailbox/1` to its end. What a client does wrong ends its own stream only. */
export async function serveMailbox(parts: Parts): Promise<void> {
  const session = new MailboxSession(parts);
  try {
    await session.run();
  } catch (error) {
    parts.channel.abort(asChatError(error));
  } finally {
    session.end();
  }
}

class MailboxSession {
  readonly #parts: Parts;
  readonly #challenge: Uint8Array;
  /** The boxes opened here: how to stop watching, and whether a notice went out that no fetch has followed. */
  readonly #opened = new Map<string, { readonly unwatch: () => void; noticed: boolean }>();
  /** Which boxes are opened here, or being opened. */
  readonly #places = new Set<string>();
  #forgeries = 0;
  #isTooFast = false;
  #cancelIdle = () => {};

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#challenge = parts.runtime.randomBytes(CHALLENGE_BYTES);
  }

  async run(): Promise<void> {
    const { channel, mailbox } = this.#parts;
    const { parcelsPerBox, bytesPerBox, keepSeconds } = mailbox.limits;
    const limits = { parcelsPerBox, bytesPerBox, keepSeconds };
    this.#restartIdle();
    await this.#send([{ type: "welcome", store: mailbox.id, challenge: this.#challenge, limits }]);
    for await (const frames of channel.receive()) {
      this.#restartIdle();
      await this.#answerAll(frames);
      if (this.#isTooFast) await this.#pause();
    }
  }

  end(): void {
    this.#cancelIdle();
    for (const { unwatch } of this.#opened.values()) unwatch();
    this.#opened.clear();
  }

  /** In the order of the requests; those that only write share what the disk costs. */
  async #answerAll(frames: readonly Uint8Array[]): Promise<void> {
    let answers: Promise<MailboxFrameBody>[] = [];
    const settle = async () => {
      const settled = await Promise.all(answers);
      answers = [];
      await this.#send(settled);
    };
    try {
      for (const frame of frames) {
        const request = decodeMailboxRequest(frame);
        if (request.type !== "fetch") {
          answers.push(this.#answer(request));
          continue;
        }
        await settle();
        await this.#fetch(request);
      }
    } finally {
      // what was begun ends before the session does: else a box would be watched for ever, and a rejection be nobody's
      await settle();
    }
    if (this.#forgeries >= MAX_FORGERIES) throw new ChatError("SIGNATURE_INVALID", "too many forgeries");
  }

  async #answer(request: Exclude<MailboxRequest, { type: "fetch" }>): Promise<MailboxFrameBody> {
    try {
      const answer = await this.#perform(request);
      this.#parts.counted(answer.type);
      return answer;
    } catch (error) {
      return this.#refusal(request.request, error);
    }
  }

  async #perform(message: Exclude<MailboxRequest, { type: "fetch" }>): Promise<MailboxFrameBody> {
    const { mailbox, network } = this.#parts;
    const { request } = message;
    switch (message.type) {
      case "open":
        return { type: "opened", request, ...(await this.#open(message)) };
      case "receipt":
        mailbox.admit(network);
        this.#verify(() => verifyBoxReceipt({ ...this.#stream, ...message }, message.signature));
        await mailbox.remove(message.box, message.places);
        return { type: "deleted", request };
      case "deposit":
        await mailbox.deposit(message, network);
        return { type: "deposited", request };
    }
  }

  async #open(message: MailboxRequestOf<"open">): Promise<{ parcels: number; bytes: number }> {
    const { mailbox, network } = this.#parts;
    const { box } = message;
    const name = hex(box);
    mailbox.admit(network);
    if (!this.#places.has(name) && this.#places.size >= mailbox.limits.boxesPerStream) {
      throw new ChatError("QUOTA", "too many boxes on one stream", { reason: "stream" });
    }
    this.#verify(() => verifyBoxOpening({ ...this.#stream, ...message }, message.signature, box));
    this.#places.add(name);
    try {
      const opened = await mailbox.open(message, network);
      if (!this.#opened.has(name)) {
        this.#opened.set(name, { unwatch: mailbox.watch(box, () => this.#notice(box)), noticed: false });
      }
      this.#cancelIdle();
      return opened;
    } finally {
      if (!this.#opened.has(name)) this.#places.delete(name);
    }
  }

  async #fetch({ request, box, after }: MailboxRequestOf<"fetch">): Promise<void> {
    try {
      await this.#sendParcels({ request, box, after });
      this.#parts.counted("fetched");
    } catch (error) {
      await this.#send([this.#refusal(request, error)]);
    }
  }

  async #sendParcels({ request, box, after }: { request: number; box: Uint8Array; after: number }): Promise<void> {
    const { mailbox, network } = this.#parts;
    mailbox.admit(network);
    const opened = this.#opened.get(hex(box));
    if (opened === undefined) throw new ChatError("NOT_FOUND", "not opened on this stream");
    opened.noticed = false;
    let [last, more, left] = [after, true, MAILBOX_LIMITS.fetchMaxBytes as number];
    while (more) {
      const page = mailbox.page(box, { after: last, maxBytes: Math.min(left, PIECE_BYTES) });
      const bytes = page.parcels.reduce((sum, { parcel }) => sum + parcel.length, 0);
      left -= bytes;
      // a page has one parcel at least: this one is for the next fetch
      if (left < 0) break;
      if (bytes > 0 && !mailbox.mayGive(bytes, network)) {
        if (last === after) throw new ChatError("RATE_LIMITED", "enough was fetched from there");
        break;
      }
      more = page.more;
      last = page.parcels.at(-1)?.place ?? last;
      await this.#send(
        page.parcels.map(({ place, stored_at, parcel }) => {
          return { type: "parcel", request, box, place, storedAt: stored_at, parcel };
        }),
      );
    }
    await this.#send([{ type: "fetched", request, last, more }]);
  }

  /** What is wrong with the program, or with its disk in a way that no client can help, is told as STORAGE. */
  #refusal(request: number, error: unknown): MailboxFrameBody {
    if (!isChatError(error)) {
      this.#parts.counted("INTERNAL");
      throw error;
    }
    this.#parts.counted(error.code);
    if (error.code === "RATE_LIMITED") this.#isTooFast = true;
    const code = error.code === "STORE_CORRUPT" ? "STORAGE" : error.code;
    return { type: "refused", request, code, reason: error.reason ?? null };
  }

  get #stream(): { readonly relay: Uint8Array; readonly challenge: Uint8Array } {
    return { relay: this.#parts.relayKey, challenge: this.#challenge };
  }

  #verify(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#forgeries += 1;
      throw isChatError(error, "KEY_INVALID") ? new ChatError("SIGNATURE_INVALID", "the box is no key") : error;
    }
  }

  /** One at a time for each box: the next after a fetch. */
  #notice(box: Uint8Array): void {
    const opened = this.#opened.get(hex(box));
    if (opened === undefined || opened.noticed) return;
    opened.noticed = true;
    this.#send([{ type: "notice", box }]).catch((error) => this.#parts.channel.abort(asChatError(error)));
  }

  async #send(bodies: readonly MailboxFrameBody[]): Promise<void> {
    if (bodies.length === 0) return;
    await this.#parts.channel.send(bodies.map(encodeMailboxFrame), AbortSignal.timeout(SEND_TIMEOUT_MS));
  }

  /** Refusing costs as much as answering: whoever asks too fast is not read for a moment. */
  #pause(): Promise<void> {
    this.#isTooFast = false;
    return new Promise((resolve) => this.#parts.runtime.after(PAUSE_MS, resolve));
  }

  #restartIdle(): void {
    this.#cancelIdle();
    if (this.#opened.size > 0) return;
    this.#cancelIdle = this.#parts.runtime.after(IDLE_MS, () => void this.#parts.channel.close());
  }
}
