import type { InboxMode } from "../operations/contacts.ts";
import type { Store } from "../store.ts";

const SETTING = "inbox-mode";
const MODES: readonly InboxMode[] = ["open", "requests", "contacts"];

/** What becomes of messages of people whom this profile has never written to nor accepted. */
export function inboxMode({ settings }: Pick<Store, "settings">): InboxMode {
  const kept = settings.get(SETTING);
  return MODES.find((mode) => mode === kept) ?? "open";
}

export function setInboxMode({ settings, transaction }: Store, mode: InboxMode): void {
  transaction(() => settings.set(SETTING, mode));
}
