import { geometryOf, layoutOf } from "./geometry.ts";
import { helpLines } from "./help.ts";
import {
  aimOf,
  type Conversation,
  change,
  currentOf,
  type Effect,
  PAGE,
  type Size,
  type State,
  type Step,
  type Unread,
} from "./model.ts";
import { EMPTY_INPUT } from "./text-input.ts";
import { centred, type Laid, relaid, rowsAbove, scrolled } from "./viewport.ts";

/*
 * What is seen of the conversations: which one, which part of it, and what counts as read.
 */

/** Far enough to scroll on while older messages come. */
const PREFETCH_SCREENS = 3;
/** Searching reaches back faster than reading. */
const SEEK_PAGE = 1000;

/** Moves the view up by so many rows, or down, and asks for what is older in time. */
export function scrollBy(state: State, rows: number): State {
  const geometry = geometryOf(state);
  if (geometry === undefined) return state;
  const layout = layoutOf(state, geometry);
  return change(state, state.current, (one) => ({ ...one, scroll: scrolled(one, layout, geometry.rows, rows) }));
}

export function scrollTo(state: State, key: string): State {
  const geometry = geometryOf(state);
  if (geometry === undefined) return state;
  const layout = layoutOf(state, geometry);
  return change(state, state.current, (one) => ({ ...one, scroll: centred(one, layout, geometry.rows, key) }));
}

/** Another size: whoever reads further back goes on where they are. */
export function resized(state: State, size: Size): State {
  const next = { ...state, size };
  const [before, after] = [laid(state), laid(next)];
  if (before === undefined || after === undefined) return next;
  const conversations = state.conversations.map((one) => ({ ...one, scroll: relaid(one, before, after) }));
  return { ...next, conversations };
}

function laid(state: State): Laid | undefined {
  const geometry = geometryOf(state);
  return geometry && { layout: layoutOf(state, geometry), rows: geometry.rows };
}

export function scrollToNewest(state: State): State {
  return change(state, state.current, ({ scroll: _, ...one }) => ({ ...one, scroll: undefined }));
}

/** Rows of a page: one stays, for the eye. */
export function pageRows(state: State): number {
  return Math.max(1, (geometryOf(state)?.rows ?? 2) - 1);
}

/** The entry above or below the one that is picked; beginning at the newest. */
export function pickBy(state: State, by: -1 | 1): State {
  const one = currentOf(state);
  const aim = aimOf(one);
  const place = one.entries.findIndex(({ key }) => key === aim);
  const next = one.entries[place === -1 ? one.entries.length - 1 : place + by];
  if (next === undefined) return state;
  return scrollTo(
    change(state, state.current, ({ editing: _, ...rest }) => ({ ...rest, picked: next.key })),
    next.key,
  );
}

/** As far as there are rows. */
export function scrollHelp(state: State, by: number): State {
  const geometry = geometryOf(state);
  if (geometry === undefined) return state;
  const most = Math.max(0, helpLines(geometry.columns).length - geometry.rows);
  return { ...state, help: Math.min(Math.max(0, (state.help ?? 0) + by), most) };
}

/** What was being edited stays as it was. */
export function unpick(state: State): State {
  return change(state, state.current, ({ picked: _, editing, ...one }) => {
    return editing === undefined ? one : { ...one, draft: EMPTY_INPUT };
  });
}

export function openConversation(state: State, username: string): State {
  const left = change(state, state.current, ({ newFrom: _, picked: __, ...one }) => one);
  const { search: _, notice: __, ...rest } = left;
  return change({ ...rest, current: username }, username, (one) => {
    const [first] = one.unread;
    return { ...one, told: false, scroll: undefined, ...(first !== undefined && { newFrom: first.key }) };
  });
}

/** By that many places along the list, round its end. */
export function openBeside(state: State, by: number): State {
  const { conversations, current } = state;
  const place = conversations.findIndex(({ username }) => username === current);
  const next = conversations[(place + by + conversations.length) % conversations.length];
  return next === undefined ? state : openConversation(state, next.username);
}

export function openUnread(state: State): State {
  const { conversations, current } = state;
  const place = conversations.findIndex(({ username }) => username === current);
  const round = [...conversations.slice(place + 1), ...conversations.slice(0, place)];
  const next = round.find(({ unread }) => unread.length > 0);
  return next === undefined ? state : openConversation(state, next.username);
}

/** After each happening: what is seen now is read, and what is missing is asked for. */
export function settle(state: State): Step {
  const { username, told: isTold } = currentOf(state);
  const isRead = isSeen(state);
  const read = isRead ? markRead(state) : state;
  const news: Effect[] = isRead && !isTold ? [{ do: "read", with: username }] : [];
  const seen = seenUpTo(read);
  const told: Effect[] = seen > read.seen ? [{ do: "seen", cursor: seen }] : [];
  const asked = askForOlder({ ...read, seen: Math.max(seen, read.seen) });
  return { state: asked.state, effects: [...news, ...told, ...asked.effects] };
}

/** The newest rows of the current conversation are before the person's eyes. */
function isSeen(state: State): boolean {
  const { scroll, older, entries } = currentOf(state);
  const isShown = scroll === undefined && (older !== "unasked" || entries.length > 0);
  return isShown && state.locked === undefined && state.help === undefined && geometryOf(state) !== undefined;
}

function markRead(state: State): State {
  const { unread, told } = currentOf(state);
  if (unread.length === 0 && told) return state;
  return change(state, state.current, (one) => ({ ...one, unread: [], told: true }));
}

/** Places in the feed are one row for all conversations: what is unread anywhere holds it back. */
function seenUpTo({ conversations, taken }: State): number {
  const waiting = conversations.flatMap(({ unread }) => unread.map(({ cursor }: Unread) => cursor));
  return Math.min(taken, ...waiting.map((cursor) => cursor - 1));
}

function askForOlder(state: State): Step {
  const conversation = currentOf(state);
  const { username, older, loading } = conversation;
  if (loading) return { state, effects: [] };
  if (older === "unasked") return ask(state, { do: "load", with: username, limit: PAGE });
  if (typeof older !== "number" || !isNearStart(state, conversation)) return { state, effects: [] };
  const limit = state.search?.seeking ? SEEK_PAGE : PAGE;
  return ask(state, { do: "load", with: username, olderThan: older, limit });
}

function ask(state: State, load: Extract<Effect, { do: "load" }>): Step {
  return { state: change(state, load.with, (one) => ({ ...one, loading: true })), effects: [load] };
}

function isNearStart(state: State, conversation: Conversation): boolean {
  if (state.search?.seeking) return true;
  const geometry = geometryOf(state);
  if (geometry === undefined) return false;
  const enough = geometry.rows * PREFETCH_SCREENS;
  return rowsAbove(conversation, layoutOf(state, geometry), geometry.rows, enough) < enough;
}
