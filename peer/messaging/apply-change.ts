import type { Content } from "../../shared/content.ts";
import type { Username } from "../../shared/username.ts";
import type { Store } from "./store.ts";

/** Contents that say something about an earlier message. */
export type Change = Extract<Content, { kind: "edit" | "delete" | "reaction" }>;

export function isChange(content: Content | undefined): content is Change {
  return content?.kind === "edit" || content?.kind === "delete" || content?.kind === "reaction";
}

/**
 * Takes note of a change, whether the message it is about is here yet or not; in a transaction. What was deleted is
 * forgotten, not only hidden. Whose word counts about which message is decided where it is shown.
 *
 * @param author  who said so; `self` for this profile
 */
export function applyChange(
  { amendments, history, inbox }: Store,
  change: Change,
  { author, own }: { author: Username; own: boolean },
): void {
  const { target } = change;
  if (change.kind === "edit") amendments.save(target, { kind: "edit", author, value: change.text });
  if (change.kind === "reaction") amendments.save(target, { kind: "reaction", author, value: change.emoji });
  if (change.kind !== "delete") return;
  amendments.save(target, { kind: "delete", author, value: "" });
  amendments.save(target, { kind: "edit", author, value: "" });
  if (own) history.eraseOwn(target);
  else inbox.erase(author, target);
}

/** When a message is to be forgotten, milliseconds since the Unix epoch. */
export function expiryOf(content: Content | undefined): number | undefined {
  return content?.kind === "text" ? content.expiresAt : undefined;
}

/** What of a change is kept with the message that said it: its value stands with the message that it is about. */
export function withoutValue(change: Change): Change {
  if (change.kind === "edit") return { ...change, text: "" };
  if (change.kind === "reaction") return { ...change, emoji: "" };
  return change;
}
