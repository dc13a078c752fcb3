import type { Content } from "../../../shared/content.ts";
import type { Username } from "../../../shared/username.ts";
import type { Store } from "../store.ts";
import type { KnownMessage } from "./known-message.ts";

/** Contents that say something about an earlier message. */
export type Change = Extract<Content, { kind: "edit" | "delete" | "reaction" }>;

export function isChange(content: Content | undefined): content is Change {
  return content?.kind === "edit" || content?.kind === "delete" || content?.kind === "reaction";
}

/** What becomes of a change: told to whoever listens, only taken note of, or passed over. */
export type Verdict = {
  readonly effect: "told" | "noted" | "none";
  /** It is forgotten with the message that it is about. */
  readonly expiresAtMs?: number | undefined;
};

type Said = {
  readonly change: Change;
  readonly author: Username;
  /** Nothing of theirs is shown yet. */
  readonly isHeld: boolean;
};

/**
 * Whose word counts: about a text its author's, and a reaction of either of the two people. What is gone stays gone. Where
 * the message has not come yet, the word is kept for it.
 *
 * @param known  the messages of the id that the change is about
 */
export function judgeChange(known: readonly KnownMessage[], { change, author, isHeld }: Said): Verdict {
  const about = known.find((one) => one.other === author && (change.kind === "reaction" || one.author === author));
  const isForeign = about === undefined && known.length > 0;
  if (isForeign || about?.state === "gone") return { effect: "none" };
  if (change.kind === "delete") return { effect: isHeld || about?.state === "waiting" ? "noted" : "told" };
  const { expiresAtMs } = about ?? {};
  if (about?.state === "waiting") return { effect: "noted", expiresAtMs };
  return isHeld ? { effect: "none" } : { effect: "told", expiresAtMs };
}

/**
 * Takes note of a change, whether the message it is about is here yet or not; in a transaction. What was deleted is
 * forgotten, not only hidden, and nothing changes it any more.
 *
 * @param author  who said so
 * @param ownChange  the message by which this profile says so
 */
export function applyChange(
  { amendments, history, inbox }: Store,
  change: Change,
  { author, ownChange }: { author: Username; ownChange?: Uint8Array },
): void {
  const { target } = change;
  const isDeleted = amendments.of(target).some((said) => said.kind === "delete" && said.author === author);
  if (change.kind === "edit" && !isDeleted)
    amendments.save(target, { kind: "edit", author, value: change.text }, ownChange);
  if (change.kind === "reaction") amendments.save(target, { kind: "reaction", author, value: change.emoji }, ownChange);
  if (change.kind !== "delete") return;
  amendments.forget(target, author, "edit");
  amendments.save(target, { kind: "delete", author, value: "" });
  amendments.save(target, { kind: "edit", author, value: "" });
  if (ownChange !== undefined) history.eraseOwn(target);
  else inbox.erase(author, target);
}

/** What of a change is kept with the message that said it: its value stands with the message that it is about. */
export function withoutValue(change: Change): Change {
  if (change.kind === "edit") return { ...change, text: "" };
  if (change.kind === "reaction") return { ...change, emoji: "" };
  return change;
}
