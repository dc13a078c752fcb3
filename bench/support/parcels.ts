import { randomBytes } from "node:crypto";
import { sealFor } from "../../peer/messaging/outbound/outgoing-envelope.ts";
import type { SecureSessions, Session } from "../../peer/messaging/ports/sessions.ts";
import type { Self } from "../../peer/messaging/self.ts";
import { parcelSeals } from "../../peer/sessions/parcel-seal.ts";
import { createSecureSessions } from "../../peer/sessions/secure-sessions.ts";
import { type Content, encodeContent } from "../../shared/content.ts";
import { type DeviceId, deviceIdOf, publicKeyOfDevice } from "../../shared/device-id.ts";
import { privateKeyObject, publicKeyOfSeed } from "../../shared/ed25519.ts";
import { encodeFrame } from "../../shared/frames.ts";
import { encodeLogClaim } from "../../shared/gossip.ts";
import { encodeParcel, PARCEL_FRAME_OVERHEAD, PARCEL_MAX_FRAME_BYTES } from "../../shared/parcel.ts";
import { LIMITS } from "../../shared/protocol.ts";
import { parseUsername } from "../../shared/username.ts";

/** `messages`: how many each holds, the last one aside. */
export type Packed = { readonly parcels: readonly Uint8Array[]; readonly messages: number };

type Options = {
  readonly count: number;
  readonly text: string;
  /** No more than this in a parcel. */
  readonly perParcel?: number;
};

const random = (length: number) => new Uint8Array(randomBytes(length));

/** Messages as one device leaves them for another: signed, encrypted, packed and sealed by the product's own code. */
export async function packMessages(options: Options): Promise<Packed> {
  const sender = await Sender.meet();
  const seals = parcelSeals(random);
  const key = seals.publicKey(random(32));
  const packed: { readonly parcel: Uint8Array; readonly messages: number }[] = [];
  for (let left = options.count; left > 0; left -= packed.at(-1)?.messages ?? left) {
    const frames = await sender.fill(Math.min(left, options.perParcel ?? LIMITS.sendWindowMessages), options.text);
    const content = encodeParcel({ from: sender.self.device, frames }, sender.to, sender.self.deviceKey);
    packed.push({ parcel: seals.seal(key, sender.to, content), messages: frames.length });
  }
  return { parcels: packed.map(({ parcel }) => parcel), messages: packed[0]?.messages ?? 0 };
}

/** One end of a session that the other has joined already, as after the first parcel. */
class Sender {
  readonly self: Self;
  readonly to: DeviceId;
  readonly #sessions: SecureSessions;
  readonly #conversation = random(32);
  readonly #claim = encodeLogClaim({ size: 1_000_000, root: random(32) });
  #session: Session;
  #seq = 0;

  private constructor(parts: Pick<Sender, "self" | "to"> & { sessions: SecureSessions; session: Session }) {
    this.self = parts.self;
    this.to = parts.to;
    this.#sessions = parts.sessions;
    this.#session = parts.session;
  }

  static async meet(): Promise<Sender> {
    const [sender, recipient] = [newDevice(), newDevice()];
    const { publicPackage } = await recipient.sessions.createKeyPackage({ lastResort: false });
    const { session } = await sender.sessions.open(recipient.device, publicPackage);
    const { device, sessions } = sender;
    const deviceKey = privateKeyObject(sender.seed);
    const username = parseUsername("alice");
    const self = { username, device, deviceKey, identity: random(32), incarnation: random(16) };
    return new Sender({ self, to: recipient.device, sessions, session });
  }

  /** The frames of the next messages, as many as fit in one parcel and at most so many. */
  async fill(most: number, text: string): Promise<Uint8Array[]> {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    while (frames.length < most) {
      const { frame, session } = await this.#next(text);
      bytes += frame.length + PARCEL_FRAME_OVERHEAD;
      if (frames.length > 0 && bytes > PARCEL_MAX_FRAME_BYTES) break;
      this.#session = session;
      this.#seq += 1;
      frames.push(frame);
    }
    return frames;
  }

  async #next(text: string): Promise<{ frame: Uint8Array; session: Session }> {
    const content: Content = { kind: "text", text };
    const message = {
      ...{ conversation: this.#conversation, seq: this.#seq + 1, messageId: random(16) },
      ...{ kind: content.kind, body: encodeContent(content), acceptedAtMs: Date.now() },
    };
    const { plaintext, envelopeId } = sealFor(this.self, message, this.to, random(32));
    const { session, ciphertext } = await this.#sessions.encrypt(this.#session, plaintext, this.#claim);
    const route = { sessionId: session.id, recipientDevice: publicKeyOfDevice(this.to) };
    return { frame: encodeFrame({ type: "message", ...route, envelopeId, ciphertext }), session };
  }
}

function newDevice() {
  const seed = random(32);
  const device = deviceIdOf(publicKeyOfSeed(seed));
  return { seed, device, sessions: createSecureSessions({ device, deviceSeed: seed, now: () => Date.now() }) };
}
