import { readUsername } from "../../../shared/username.ts";
import { aimAnew, hasMoved, ORDER, targetOf } from "./aiming.ts";
import {
  type Alteration,
  aimOf,
  type Conversation,
  change,
  currentOf,
  type Effect,
  type Entry,
  idOf,
  type Newest,
  type State,
  type Step,
  sendingOf,
  still,
  warn,
} from "./model.ts";
import { openConversation, unpick } from "./reading.ts";
import { remember } from "./recall.ts";
import { search, startSearch } from "./searching.ts";
import { EMPTY_INPUT, endOf } from "./text-input.ts";

/*
 * What the person has written and wants done: a text to be sent, or an order behind a slash.
 */

const NOTHING_THERE = "there is nothing to do that with; Alt+Up picks a message";
const NOT_YOURS = "that message is not yours";
const ON_ITS_WAY = "that message is still on its way to the outbox; Up brings the order back";
const MOVED = "there is a newer message now; Enter means that one, Alt+Up picks another";

/** Sends what is written, or does what it orders. */
export function submit(state: State, text: string): Step {
  if (text.trim() === "") return still(state);
  const order = ORDER.exec(text);
  const [, name = "", rest = ""] = order ?? [];
  const run = order === null ? saySlashed(text) : findOrder(name);
  if (run === undefined) return still(warn(state, `no such command: /${name}; see /help`));
  if (state.detached !== undefined && !(order !== null && WITHOUT_LINE.has(name))) {
    return still(warn(state, "that has to wait until there is a daemon again; nothing is lost of it here"));
  }
  const side = order === null ? undefined : sideOf(name);
  if (side !== undefined && aimOf(currentOf(state)) === undefined && hasMoved(state, side)) {
    return still(warn(aimAnew(state), MOVED));
  }
  const begun = change(state, state.current, ({ editing, ...one }) => {
    return { ...remember(one, text), draft: EMPTY_INPUT, ...(editing !== undefined && { picked: editing }) };
  });
  return run(begun, rest.trim());
}

/** Two slashes stand for one that is no order. */
function saySlashed(text: string): (state: State) => Step {
  return (state) => send(state, text.startsWith("//") ? text.slice(1) : text);
}

function send(state: State, text: string, replyTo?: string): Step {
  const local = `new/${state.nextLocal}`;
  const now = new Date(state.nowMs).toISOString();
  const answer = replyTo === undefined ? {} : { replyTo };
  const place = { sentAt: now, path: null, cursor: 0 };
  const entry: Entry = { key: local, from: state.me, text, own: true, state: "sending", ...place, ...answer };
  const numbered = { ...state, nextLocal: state.nextLocal + 1 };
  const next = change(numbered, state.current, ({ newFrom: _, picked: __, ...one }): Conversation => {
    return { ...one, entries: [...one.entries, entry], scroll: undefined };
  });
  return { state: next, effects: [sendingOf(state, state.current, entry)] };
}

function alter(state: State, entry: Entry | undefined, alteration: Alteration): Step {
  if (entry === undefined) return still(warn(state, NOTHING_THERE));
  if (idOf(entry.key) === undefined) return still(warn(state, ON_ITS_WAY));
  if (!entry.own && alteration.kind !== "react") return still(warn(state, NOT_YOURS));
  const effects: Effect[] = [{ do: "alter", with: state.current, key: entry.key, alteration }];
  return { state: unpick(state), effects };
}

function reply(state: State, text: string): Step {
  const id = idOf(targetOf(state, "theirs")?.key ?? "new/");
  if (id === undefined) return still(warn(state, NOTHING_THERE));
  return text === "" ? still(warn(state, "/reply takes the text of the answer")) : send(state, text, id);
}

/** Without a text, the old one is there to be changed. */
function editText(state: State, text: string): Step {
  const entry = targetOf(state, "own");
  if (entry === undefined || text !== "") return alter(state, entry, { kind: "edit", text });
  if (!entry.own) return still(warn(state, NOT_YOURS));
  const draft = endOf(`/edit ${entry.text}`);
  return still(change(state, state.current, (one) => ({ ...one, draft, editing: entry.key })));
}

function open(state: State, typed: string): Step {
  const name = findName(typed);
  if (name === undefined || name === state.me) return still(warn(state, `"${typed}" is nobody else's name`));
  return still(openConversation(state, name));
}

/** With its text, which may have several lines. */
const ORDERS: Readonly<Record<string, (state: State, rest: string) => Step>> = {
  reply,
  edit: editText,
  delete: (state) => alter(state, targetOf(state, "own"), { kind: "delete" }),
  react: (state, emoji) => alter(state, targetOf(state, "theirs"), { kind: "react", emoji }),
  accept: (state) => ({ state, effects: [{ do: "accept", with: state.current }] }),
  help: (state) => still({ ...state, help: 0 }),
  quit,
  lock: (state) => ({ state, effects: [{ do: "lock" }] }),
  retry: (state) => ({ state, effects: [{ do: "retry" }] }),
  search: (state, rest) => (rest === "" ? still(startSearch(state, "")) : search(startSearch(state, rest))),
  open,
};

/** Whose newest message it is about, where none is picked. */
const ABOUT: Readonly<Partial<Record<string, keyof Newest>>> = {
  reply: "theirs",
  edit: "own",
  delete: "own",
  react: "theirs",
};

function sideOf(name: string): keyof Newest | undefined {
  return Object.hasOwn(ABOUT, name) ? ABOUT[name] : undefined;
}

function findOrder(name: string): ((state: State, rest: string) => Step) | undefined {
  return Object.hasOwn(ORDERS, name) ? ORDERS[name] : undefined;
}

const WITHOUT_LINE: ReadonlySet<string> = new Set(["help", "quit", "lock", "retry", "open"]);

function findName(typed: string): string | undefined {
  try {
    return readUsername(typed);
  } catch {
    return undefined;
  }
}

export function quit(state: State): Step {
  return { state, effects: [{ do: "quit" }] };
}

/** Completes an order before the cursor, or the name behind `/open`; several that fit are shown. */
export function complete(state: State): State {
  const { text, at } = currentOf(state).draft;
  const [, before, begun] = /^(\/open\s+|\/)(\S*)$/.exec(text.slice(0, at)) ?? [];
  if (before === undefined || begun === undefined) return state;
  const known = before === "/" ? Object.keys(ORDERS) : state.conversations.map(({ username }) => username);
  const fitting = known.filter((word) => word.startsWith(begun)).sort();
  const [only] = fitting;
  if (only === undefined) return state;
  const word = fitting.length === 1 ? `${only} ` : commonStart(fitting);
  const draft = { text: before + word + text.slice(at).trimStart(), at: before.length + word.length };
  const completed = change(state, state.current, (one) => ({ ...one, draft }));
  return fitting.length === 1
    ? completed
    : { ...completed, notice: { kind: "talk", text: fitting.map((one) => before.trim() + one).join("  ") } };
}

function commonStart(words: readonly string[]): string {
  const [first = "", ...others] = words;
  let length = first.length;
  while (!others.every((word) => word.startsWith(first.slice(0, length)))) length -= 1;
  return first.slice(0, length);
}
