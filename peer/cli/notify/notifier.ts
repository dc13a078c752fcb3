import type { ChatEvent, Consumer } from "../../messaging/operations/feed.ts";
import { visibleLine } from "../visible-text.ts";
import type { Shown } from "./shown.ts";

/** Text for a desktop: harmless for a terminal, short. */
export type Notification = { readonly title: string; readonly body: string };

export type NotifierOptions = {
  readonly shown: Shown;
  /** Never throws. */
  readonly show: (notification: Notification) => void;
  /** The answer cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
};

const MAX_A_TURN = 3;
const TURN_MS = 1000;
const BODY_MAX_LENGTH = 200;

/** Tells of messages and changed keys, of no more than three a second; of what is more, how many. */
export class Notifier {
  readonly #options: NotifierOptions;
  #shownInTurn = 0;
  #leftOut = 0;
  #cancel: (() => void) | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  tell(event: ChatEvent): void {
    const notification = notificationOf(event, this.#options.shown);
    if (notification === undefined) return;
    if (this.#shownInTurn < MAX_A_TURN) this.#show(notification);
    else this.#leftOut += 1;
  }

  stop(): void {
    this.#cancel?.();
  }

  #show(notification: Notification): void {
    this.#shownInTurn += 1;
    this.#options.show(notification);
    this.#cancel ??= this.#options.after(TURN_MS, () => this.#endTurn());
  }

  #endTurn(): void {
    this.#cancel = undefined;
    this.#shownInTurn = 0;
    if (this.#leftOut === 0) return;
    const body = `${this.#leftOut} more`;
    this.#leftOut = 0;
    this.#show({ title: "p2pchat", body });
  }
}

/** The same consumer, of whose events the notifier hears too. */
export function notifying(consumer: Consumer, notifier: Notifier): Consumer {
  return {
    ...consumer,
    async *events(signal) {
      for await (const event of consumer.events(signal)) {
        notifier.tell(event);
        yield event;
      }
    },
    close() {
      notifier.stop();
      consumer.close();
    },
  };
}

function notificationOf(event: ChatEvent, shown: Shown): Notification | undefined {
  if (event.type === "message") {
    return { title: visibleLine(event.from), body: shown === "text" ? shortened(event.text) : "wrote to you" };
  }
  if (event.type !== "key-change") return undefined;
  return { title: visibleLine(event.username), body: "has another key now; sending to it is blocked" };
}

/** One line; cut before it is made visible, so that no name of a character is cut. */
function shortened(text: string): string {
  const characters = Array.from(text.replaceAll(/\s+/g, " ").trim());
  const isLong = characters.length > BODY_MAX_LENGTH;
  return visibleLine(characters.slice(0, BODY_MAX_LENGTH).join("")) + (isLong ? "..." : "");
}
