import { serveMailbox } from "../../peer/relay/mailbox-session.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import {
  decodeMailboxAnswer,
  encodeMailboxFrame,
  type MailboxAnswer,
  type MailboxAnswerOf,
  type MailboxFrameBody,
} from "../../shared/mailbox-frames.ts";
import { signBoxOpening, signBoxReceipt } from "../../shared/mailbox-signatures.ts";
import { FakeTime } from "./fake-time.ts";
import { type newBox, newParcel, type TestMailbox } from "./mailbox.ts";
import { seedOf } from "./networks.ts";

const relayKey = publicKeyOfSeed(seedOf("relay"));
type Owner = ReturnType<typeof newBox>;

/** Each gets dice of its own. */
let clients = 0;

/** A client's end of a stream that a session serves. */
export class MailboxClient {
  readonly ended: Promise<void>;
  readonly answers: MailboxAnswer[] = [];
  aborted: Error | undefined;
  readonly time = new FakeTime();
  #batches: (readonly Uint8Array[])[] = [];
  #isClosed = false;
  #wake = () => {};
  #changed = () => {};

  constructor({ mailbox }: TestMailbox, network = "192.0.2.1") {
    const channel = {
      send: async (frames: readonly Uint8Array[]) => {
        this.answers.push(...frames.map(decodeMailboxAnswer));
        this.#changed();
      },
      receive: () => this.#receive(),
      abort: (error: Error) => {
        this.aborted ??= error;
        this.#finish();
      },
      close: async () => this.#finish(),
    };
    clients += 1;
    const runtime = this.time.runtime(`relay ${clients}`);
    this.ended = serveMailbox({ channel, mailbox, network, relayKey, runtime, counted: () => {} });
  }

  say(...bodies: readonly MailboxFrameBody[]): void {
    this.sayBytes(...bodies.map(encodeMailboxFrame));
  }

  /** What arrives together. */
  sayBytes(...frames: readonly Uint8Array[]): void {
    this.#batches.push(frames);
    this.#wake();
  }

  leave(): void {
    this.#finish();
  }

  /** The next answer of that type. */
  async hear<Type extends MailboxAnswer["type"]>(type: Type): Promise<MailboxAnswerOf<Type>> {
    for (;;) {
      const index = this.answers.findIndex((answer) => answer.type === type);
      const [answer] = index === -1 ? [] : this.answers.splice(index, 1);
      if (answer !== undefined) return answer as MailboxAnswerOf<Type>;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async open(owner: Owner, kind: "contacts" | "requests" = "contacts"): Promise<Uint8Array> {
    const { challenge } = await this.hear("welcome");
    this.say(openingOf(owner, challenge, kind));
    await this.hear("opened");
    return challenge;
  }

  #finish(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *#receive(): AsyncGenerator<readonly Uint8Array[]> {
    while (!this.#isClosed) {
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

export function openingOf(
  owner: Owner,
  challenge: Uint8Array,
  kind: "contacts" | "requests" = "contacts",
  request = 1,
) {
  const tokenKey = kind === "contacts" ? owner.tokenKey : null;
  const signature = signBoxOpening({ relay: relayKey, challenge, kind, tokenKey }, owner.key);
  return { type: "open", request, box: owner.box, kind, tokenKey, signature } as const;
}

export function receiptOf(owner: Owner, challenge: Uint8Array, places: number[], by = owner) {
  const signature = signBoxReceipt({ relay: relayKey, challenge, box: owner.box, places }, by.key);
  return { type: "receipt", request: 9, box: owner.box, places, signature } as const;
}

export const depositOf = (owner: Owner, request: number, parcel = newParcel()) =>
  ({ type: "deposit", request, box: owner.box, token: owner.token(), parcel }) as const;
