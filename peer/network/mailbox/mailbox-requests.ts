import { equalBytes } from "../../../shared/bytes.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { MailboxAnswer, MailboxAnswerOf } from "../../../shared/mailbox-frames.ts";
import { MAILBOX_LIMITS } from "../../../shared/protocol.ts";

export type StoredParcel = {
  /** Counts up in each box. */
  readonly place: number;
  /** When the relay says it came, in seconds since the epoch. */
  readonly storedAt: number;
  readonly parcel: Uint8Array;
};

/** `last`: where to go on from; `more`: there is something behind it already. */
export type FetchedParcels = {
  readonly parcels: readonly StoredParcel[];
  readonly last: number;
  readonly more: boolean;
};

export type NumberedAnswer = Exclude<MailboxAnswer, { type: "welcome" | "notice" }>;
type PlainType = "opened" | "deleted" | "deposited";
type Begun<T> = { readonly request: number; readonly answer: Promise<T> };

/** Takes answers until the last one; says whether it was. */
type Waiting = { readonly take: (answer: NumberedAnswer) => boolean; readonly reject: (error: ChatError) => void };

/** The requests of one stream that are not answered yet. The relay is believed in nothing: an answer must fit. */
export class MailboxRequests {
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** @returns the request's number, and what it is answered; that rejects with the relay's code where refused */
  begin<Type extends PlainType>(type: Type): Begun<MailboxAnswerOf<Type>> {
    return this.#add((resolve: (answer: MailboxAnswerOf<Type>) => void) => (answer) => {
      if (answer.type !== type) throw unfit(`${answer.type} instead of ${type}`);
      resolve(answer as MailboxAnswerOf<Type>);
      return true;
    });
  }

  beginFetch(box: Uint8Array, after: number): Begun<FetchedParcels> {
    return this.#add((resolve: (fetched: FetchedParcels) => void) => {
      const page = new Page(box, after);
      return (answer) => {
        if (answer.type === "parcel") page.add(answer);
        else if (answer.type === "fetched") resolve(page.end(answer));
        else throw unfit(`${answer.type} instead of fetched`);
        return answer.type === "fetched";
      };
    });
  }

  /** @throws ChatError FRAME_INVALID for an answer that nobody waits for, or that does not fit its request */
  take(answer: NumberedAnswer): void {
    const waiting = this.#waiting.get(answer.request);
    if (waiting === undefined) throw unfit("an answer that nobody asked for");
    if (answer.type === "refused") waiting.reject(refusal(answer));
    else if (!waiting.take(answer)) return;
    this.#waiting.delete(answer.request);
  }

  /** Nothing more will be answered. */
  fail(error: ChatError): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }

  #add<T>(takes: (resolve: (value: T) => void) => Waiting["take"]): Begun<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const request = this.#next;
    this.#next = (this.#next + 1) % 2 ** 32;
    this.#waiting.set(request, { take: takes(resolve), reject });
    return { request, answer: promise };
  }
}

/** The parcels that answer one `fetch`. */
class Page {
  readonly #box: Uint8Array;
  readonly #parcels: StoredParcel[] = [];
  #last: number;
  #bytes = 0;

  constructor(box: Uint8Array, after: number) {
    this.#box = box;
    this.#last = after;
  }

  add({ box, place, storedAt, parcel }: MailboxAnswerOf<"parcel">): void {
    if (!equalBytes(box, this.#box)) throw unfit("a parcel of another box");
    if (place <= this.#last) throw unfit("places that go back");
    this.#bytes += parcel.length;
    if (this.#bytes > MAILBOX_LIMITS.fetchMaxBytes) throw unfit("more than one answer holds");
    this.#last = place;
    // a copy: the frame may be a view of a larger piece of the stream
    this.#parcels.push({ place, storedAt, parcel: new Uint8Array(parcel) });
  }

  end({ last, more }: MailboxAnswerOf<"fetched">): FetchedParcels {
    if (last !== this.#last) throw unfit("another last place than the last parcel's");
    if (more && this.#parcels.length === 0) throw unfit("more to come, and nothing sent");
    return { parcels: this.#parcels, last, more };
  }
}

function refusal({ code, reason }: MailboxAnswerOf<"refused">): ChatError {
  return new ChatError(code, "the mailbox refused", reason === null ? {} : { reason });
}

function unfit(what: string): ChatError {
  return new ChatError("FRAME_INVALID", `the mailbox answered ${what}`, { reason: "answer" });
}
