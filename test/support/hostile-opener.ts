import type { SecureSessions, Session } from "../../peer/messaging/ports/sessions.ts";
import type { Channel } from "../../peer/messaging/ports/transport.ts";
import { createSecureSessions } from "../../peer/sessions/secure-sessions.ts";
import { directConversation } from "../../shared/conversation.ts";
import { publicKeyOfDevice } from "../../shared/device-id.ts";
import { type Envelope, linkOf, sealEnvelope } from "../../shared/envelope.ts";
import { decodeFrame, encodeFrame, type Frame, type FrameBody, type FrameOf } from "../../shared/frames.ts";
import { encodeLogClaim } from "../../shared/gossip.ts";
import { sha256 } from "../../shared/hash.ts";
import { EMPTY_ROOT } from "../../shared/merkle.ts";
import { PROTOCOL_VERSION } from "../../shared/protocol.ts";
import { seedOf } from "./messaging-peer.ts";
import type { MessagingWorld } from "./messaging-world.ts";
import type { Person } from "./people.ts";
import { textBody } from "./text-body.ts";

const NO_CLAIM = encodeLogClaim({ size: 0, root: EMPTY_ROOT });

/**
 * Somebody with a device key and real sessions who keeps none of the rules: opens lanes, and puts on them whatever a test
 * wants. Each frame is honest but for what the test overrides.
 */
export class HostileOpener {
  readonly person: Person;
  readonly sessions: SecureSessions;
  readonly #world: MessagingWorld;
  readonly #target: Person;
  readonly #connect: () => Promise<Channel>;
  #channel: Channel | undefined;
  #answers: Frame[] = [];
  #ended = false;
  session: Session | undefined;
  /** What its messages say of the log. */
  claim: Uint8Array = NO_CLAIM;
  #seq = 0;
  #link: Uint8Array | null = null;

  constructor(world: MessagingWorld, person: Person, target: Person) {
    this.person = person;
    this.#world = world;
    this.#target = target;
    this.sessions = createSecureSessions({
      device: person.device,
      deviceSeed: seedOf(person),
      now: () => Date.now(),
    });
    const transport = world.network.attach(person.device, { onChannel() {}, onGossip() {}, onConnected() {} });
    this.#connect = () => transport.connect(target.device, [], AbortSignal.timeout(1000));
  }

  get lane(): Channel {
    if (this.#channel === undefined) throw new Error("no lane was opened");
    return this.#channel;
  }

  /** True once the other side has ended the lane. */
  get ended(): boolean {
    return this.#ended;
  }

  async openLane({ greet = true } = {}): Promise<void> {
    const channel = await this.#connect();
    this.#channel = channel;
    this.#answers = [];
    this.#ended = false;
    void this.#read(channel);
    if (greet) await this.exchange({ type: "hello", incarnation: this.incarnation, stored: [] });
  }

  get incarnation(): Uint8Array {
    return sha256(Buffer.from(`${this.person.device} hostile`)).subarray(0, 16);
  }

  /** Opens a session from one of the target's key packages; what came back. */
  async openSession(overrides: Partial<FrameOf<"open">> = {}): Promise<readonly Frame[]> {
    const welcome = await this.makeWelcome();
    return this.exchange({ ...welcome, ...overrides });
  }

  async makeWelcome(): Promise<Omit<FrameOf<"open">, "v">> {
    const claimed = await this.#world.directory.claimKeyPackages(this.#target.username);
    const keyPackage = claimed.find(({ device }) => device === this.#target.device)?.keyPackage;
    if (keyPackage === undefined) throw new Error("no key package is left");
    const { session, welcome } = await this.sessions.open(this.#target.device, keyPackage);
    this.session = session;
    const recipientDevice = publicKeyOfDevice(this.#target.device);
    return { type: "open", sessionId: session.id, recipientDevice, hint: this.person.username, welcome };
  }

  /** A lane, a session, ready to write. */
  async ready(): Promise<this> {
    await this.openLane();
    await this.openSession();
    return this;
  }

  /** The next message in order, honest but for the overrides. */
  envelope(overrides: Partial<Envelope> = {}): Envelope {
    this.#seq += 1;
    const messageId = sha256(Buffer.from(`${this.person.device} ${this.#seq}`)).subarray(0, 16);
    const envelope: Envelope = {
      v: PROTOCOL_VERSION,
      sender: publicKeyOfDevice(this.person.device),
      recipient: publicKeyOfDevice(this.#target.device),
      incarnation: this.incarnation,
      conversation: directConversation(this.person.username, this.#target.username),
      seq: this.#seq,
      prevHash: this.#link,
      messageId,
      sentAt: 1_795_176_000_000,
      kind: "text",
      body: textBody(`message ${this.#seq}`),
      ...overrides,
    };
    this.#link = linkOf(envelope);
    return envelope;
  }

  /** The frame of a plaintext, on the session's next generation. */
  async frameOf(
    sealed: { readonly plaintext: Uint8Array; readonly envelopeId: Uint8Array },
    overrides: Partial<FrameOf<"message">> = {},
  ): Promise<FrameBody> {
    if (this.session === undefined) throw new Error("no session was opened");
    const { session, ciphertext } = await this.sessions.encrypt(this.session, sealed.plaintext, this.claim);
    this.session = session;
    const recipientDevice = publicKeyOfDevice(this.#target.device);
    const { envelopeId } = sealed;
    return { type: "message", sessionId: session.id, recipientDevice, envelopeId, ciphertext, ...overrides };
  }

  /** Seals and sends one envelope; what came back. */
  async write(overrides: Partial<Envelope> = {}): Promise<readonly Frame[]> {
    return this.exchange(await this.frameOf(sealEnvelope(this.envelope(overrides), this.person.deviceKey)));
  }

  /** Sends frames together, waits for the other side to come to rest, and takes its answers. */
  async exchange(...frames: readonly (FrameBody | Uint8Array)[]): Promise<readonly Frame[]> {
    await this.lane.send(frames.map((frame) => (frame instanceof Uint8Array ? frame : encodeFrame(frame))));
    await this.#world.settle();
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  async #read(channel: Channel): Promise<void> {
    try {
      for await (const frames of channel.receive()) this.#answers.push(...frames.map(decodeFrame));
    } catch {
      // however it ended
    }
    this.#ended = true;
  }
}

/** The refusals among answers, short. */
export function refusals(answers: readonly Frame[]): (string | null)[][] {
  return answers.flatMap((answer) => (answer.type === "refuse" ? [[answer.code, answer.reason]] : []));
}

export function types(answers: readonly Frame[]): string[] {
  return answers.map(({ type }) => type);
}
