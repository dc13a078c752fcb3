import type { Username } from "../../../shared/username.ts";
import type { PresenceFeed } from "../operations/feed.ts";
import type { Contact, ContactStore } from "../ports/contacts.ts";
import type { Runtime } from "../runtime.ts";

/** After an error that trying again at once would not cure. */
const PAUSE_MS = 60_000;

export type ContactWatchDeps = {
  readonly presence: PresenceFeed;
  readonly contacts: Pick<ContactStore, "find">;
  readonly runtime: Pick<Runtime, "after">;
  /** An accepted contact came online or went; at the start, each who is online. */
  readonly seen: (contact: Contact, online: boolean) => void;
  readonly failed: (error: unknown) => void;
};

/** Watches the people whom this profile writes with, while somebody wants to know. */
export class ContactWatch {
  readonly #deps: ContactWatchDeps;
  #watching: AbortController | undefined;

  constructor(deps: ContactWatchDeps) {
    this.#deps = deps;
  }

  set(wanted: boolean): void {
    if (wanted === (this.#watching !== undefined)) return;
    this.#watching?.abort();
    this.#watching = wanted ? new AbortController() : undefined;
    if (this.#watching !== undefined) void this.#watch(this.#watching.signal);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { presence, runtime, failed } = this.#deps;
    try {
      for await (const event of presence.events(signal)) {
        if (event.type === "presence") this.#see(event.username as Username, event.online);
      }
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
      const cancel = runtime.after(PAUSE_MS, () => void this.#watch(signal));
      signal.addEventListener("abort", cancel, { once: true });
    }
  }

  #see(username: Username, online: boolean): void {
    const contact = this.#deps.contacts.find(username);
    if (contact?.accepted && !contact.blocked) this.#deps.seen(contact, online);
  }
}
