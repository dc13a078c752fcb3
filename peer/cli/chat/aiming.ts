import { type Conversation, change, currentOf, type Entry, type Newest, type State } from "./model.ts";

/*
 * What an order is about: the entry that is picked, or the newest one. Which that is may change while the order is typed.
 */

export const ORDER = /^\/(?!\/)(\S*)(?:\s+(.*))?$/s;

/** The picked entry, or the newest one of that side, on its way or not. */
export function targetOf(state: State, side: keyof Newest): Entry | undefined {
  const conversation = currentOf(state);
  const { entries, picked } = conversation;
  return picked === undefined ? newestOf(conversation, side) : entries.find(({ key }) => key === picked);
}

function newestOf({ entries }: Conversation, side: keyof Newest): Entry | undefined {
  return entries.findLast(({ own, deleted }) => own === (side === "own") && !deleted);
}

/** Notes what is newest where an order is begun, and forgets it where none is written. */
export function noteAim(state: State): State {
  const { draft, newestThen } = currentOf(state);
  const isOrder = ORDER.test(draft.text);
  if (isOrder === (newestThen !== undefined)) return state;
  return isOrder ? aimAnew(state) : change(state, state.current, ({ newestThen: _, ...one }) => one);
}

/** From now on the order is about what is newest now. */
export function aimAnew(state: State): State {
  return change(state, state.current, (one) => {
    return { ...one, newestThen: { own: newestOf(one, "own")?.key, theirs: newestOf(one, "theirs")?.key } };
  });
}

/** Something else is the newest by now: who wrote the order may not have seen it. */
export function hasMoved(state: State, side: keyof Newest): boolean {
  const conversation = currentOf(state);
  const { newestThen } = conversation;
  return newestThen !== undefined && newestOf(conversation, side)?.key !== newestThen[side];
}
