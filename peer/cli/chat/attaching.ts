import { type Conversation, type State, type Step, sendingOf } from "./model.ts";

/*
 * What becomes of the screen while there is no line, and once there is one again.
 */

/** What was written stays; who is online nobody knows. */
export function takeDetached(state: State, hint: string): State {
  const conversations = state.conversations.map(({ online: _, ...one }) => one);
  return { ...state, conversations, detached: hint };
}

/** History is read anew, what is seen stays until then, and what was on its way is sent again: it is the same message. */
export function takeAttached({ detached, ...state }: State): Step {
  const waiting = state.conversations.flatMap(({ username, entries }) =>
    entries.filter((entry) => entry.state === "sending").map((entry) => sendingOf(state, username, entry)),
  );
  const conversations = state.conversations.map((one) =>
    one.username === state.current ? toBeRead(one) : emptied(one),
  );
  const back = detached === undefined ? {} : { notice: { kind: "talk", text: "it goes on" } as const };
  return { state: { ...state, ...back, conversations }, effects: waiting };
}

/** The newest page is asked for; it takes its place among what is there. */
function toBeRead(one: Conversation): Conversation {
  return { ...one, older: "unasked", loading: false };
}

/** Read again once it is opened. */
function emptied(one: Conversation): Conversation {
  return { ...toBeRead(one), scroll: undefined, entries: one.entries.filter(({ state }) => state === "sending") };
}
