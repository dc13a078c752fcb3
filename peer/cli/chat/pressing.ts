import { LIMITS } from "../../../shared/protocol.ts";
import { readUsername } from "../../../shared/username.ts";
import { seekOn } from "./arriving.ts";
import type { Input } from "./keys.ts";
import {
  type Alteration,
  type Conversation,
  change,
  currentOf,
  type Effect,
  type Entry,
  idOf,
  type State,
  type Step,
} from "./model.ts";
import {
  openBeside,
  openConversation,
  openUnread,
  pageRows,
  pickBy,
  scrollBy,
  scrollToNewest,
  unpick,
} from "./reading.ts";
import { bytesOf, type Edit, EMPTY_INPUT, edit, insert, type TextInput } from "./text-input.ts";

/*
 * What the person presses, pastes and orders.
 */

const EDITS: Readonly<Record<string, Edit>> = {
  left: "left",
  right: "right",
  home: "home",
  end: "end",
  backspace: "delete-left",
  delete: "delete-right",
  "ctrl-a": "home",
  "ctrl-e": "end",
  "ctrl-b": "left",
  "ctrl-left": "word-left",
  "alt-left": "word-left",
  "alt-b": "word-left",
  "ctrl-right": "word-right",
  "alt-right": "word-right",
  "alt-f": "word-right",
  "ctrl-w": "delete-word",
  "alt-backspace": "delete-word",
  "ctrl-u": "delete-to-start",
  "ctrl-k": "delete-to-end",
};

const FAR = Number.MAX_SAFE_INTEGER;

export function press(state: State, input: Input): Step {
  if (state.locked !== undefined) return pressLocked(state, state.locked, input);
  const { notice: _, ...rest } = state;
  const calm: State = { ...rest, help: false };
  if (input.type === "key") {
    const found = KEYS[input.name]?.(calm) ?? altNumber(calm, input.name);
    if (found !== undefined) return "state" in found ? found : still(found);
  }
  return state.search === undefined ? pressDraft(calm, input) : pressSearch(calm, input);
}

/** What a key does wherever it is pressed. */
const KEYS: Readonly<Record<string, (state: State) => State | Step>> = {
  "page-up": (state) => scrollBy(state, pageRows(state)),
  "page-down": (state) => scrollBy(state, -pageRows(state)),
  "ctrl-home": (state) => scrollBy(state, FAR),
  "ctrl-end": scrollToNewest,
  "ctrl-n": (state) => openBeside(state, 1),
  "ctrl-p": (state) => openBeside(state, -1),
  "alt-a": openUnread,
  "alt-up": (state) => pickBy(state, -1),
  "alt-down": (state) => pickBy(state, 1),
  "ctrl-f": (state) => startSearch(state, ""),
  "ctrl-l": (state) => ({ state, effects: [{ do: "redraw" }] }),
  "ctrl-c": (state) => (currentOf(state).draft.text === "" ? quit(state) : withDraft(state, EMPTY_INPUT)),
};

function altNumber(state: State, name: string): State | undefined {
  const number = /^alt-([1-9])$/.exec(name)?.[1];
  const one = number === undefined ? undefined : state.conversations[Number(number) - 1];
  return one && openConversation(state, one.username);
}

function pressDraft(state: State, input: Input): Step {
  const { draft } = currentOf(state);
  if (input.type !== "key") return still(add(state, input));
  const action = EDITS[input.name];
  if (action !== undefined) return still(withDraft(state, edit(draft, action)));
  switch (input.name) {
    case "enter":
      return submit(state, draft.text);
    case "newline":
    case "alt-enter":
    case "alt-newline":
      return still(add(state, { type: "text", text: "\n" }));
    case "up":
    case "down": {
      const moved = edit(draft, input.name);
      if (moved.at !== draft.at) return still(withDraft(state, moved));
      return still(scrollBy(state, input.name === "up" ? 1 : -1));
    }
    case "escape":
      return still(scrollToNewest(unpick(state)));
    case "ctrl-d":
      return draft.text === "" ? quit(state) : still(withDraft(state, edit(draft, "delete-right")));
    default:
      return still(state);
  }
}

function add(state: State, input: Extract<Input, { type: "text" | "paste" }>): State {
  const next = insert(currentOf(state).draft, input.text);
  const fits = input.type === "text" || input.whole;
  if (fits && bytesOf(next) <= LIMITS.textMaxBytes) return withDraft(state, next);
  return warn(state, `too long: a message has at most ${LIMITS.textMaxBytes} bytes`);
}

const NOTHING_THERE = "there is nothing to do that with; Alt+Up picks a message";

/** Sends what is written, or does what it orders. */
function submit(state: State, text: string): Step {
  if (text.trim() === "") return still(state);
  if (text.startsWith("//")) return send(state, text.slice(1));
  const order = /^\/(\S*)(?:\s+(.*))?$/s.exec(text);
  if (order === null) return send(state, text);
  const [, name = "", rest = ""] = order;
  const run = ORDERS[name];
  if (run === undefined) return still(warn(state, `no such command: /${name}; see /help`));
  return run(withDraft(state, EMPTY_INPUT), rest.trim());
}

function send(state: State, text: string, replyTo?: string): Step {
  const local = `new/${state.nextLocal}`;
  const now = new Date(state.nowMs).toISOString();
  const answer = replyTo === undefined ? {} : { replyTo };
  const place = { sentAt: now, path: null, cursor: 0 };
  const entry: Entry = { key: local, from: state.me, text, own: true, state: "sending", ...place, ...answer };
  const numbered = { ...state, nextLocal: state.nextLocal + 1 };
  const next = change(numbered, state.current, ({ newFrom: _, picked: __, ...one }): Conversation => {
    return { ...one, entries: [...one.entries, entry], draft: EMPTY_INPUT, scroll: undefined };
  });
  return { state: next, effects: [{ do: "send", with: state.current, local, text, ...answer }] };
}

/** The picked entry, or the newest one of that side. */
function target(state: State, side: "own" | "theirs"): Entry | undefined {
  const { entries, picked } = currentOf(state);
  const fits = ({ key, own, deleted }: Entry) => idOf(key) !== undefined && own === (side === "own") && !deleted;
  if (picked !== undefined) return entries.find(({ key }) => key === picked);
  return entries.findLast(fits);
}

function alter(state: State, entry: Entry | undefined, alteration: Alteration): Step {
  if (entry === undefined || idOf(entry.key) === undefined) return still(warn(state, NOTHING_THERE));
  if (!entry.own && alteration.kind !== "react") return still(warn(state, "that message is not yours"));
  const effects: Effect[] = [{ do: "alter", with: state.current, key: entry.key, alteration }];
  return { state: unpick(state), effects };
}

function reply(state: State, text: string): Step {
  const id = idOf(target(state, "theirs")?.key ?? "new/");
  return id === undefined || text === "" ? still(warn(state, NOTHING_THERE)) : send(state, text, id);
}

/** Without a text, the old one is there to be changed. */
function editText(state: State, text: string): Step {
  const entry = target(state, "own");
  if (entry === undefined || text !== "") return alter(state, entry, { kind: "edit", text });
  const old = `/edit ${entry.text}`;
  return still(withDraft(state, { text: old, at: old.length }));
}

/** With its text, which may have several lines. */
const ORDERS: Readonly<Record<string, (state: State, rest: string) => Step>> = {
  reply,
  edit: editText,
  delete: (state) => alter(state, target(state, "own"), { kind: "delete" }),
  react: (state, emoji) => alter(state, target(state, "theirs"), { kind: "react", emoji }),
  accept: (state) => ({ state, effects: [{ do: "accept", with: state.current }] }),
  help: (state) => still({ ...state, help: true }),
  quit,
  lock: (state) => ({ state, effects: [{ do: "lock" }] }),
  retry: (state) => ({ state, effects: [{ do: "retry" }] }),
  search: (state, rest) => (rest === "" ? still(startSearch(state, "")) : search(startSearch(state, rest))),
  open: (state, rest) => {
    const name = findName(rest);
    if (name === undefined || name === state.me) return still(warn(state, `"${rest}" is nobody else's name`));
    return still(openConversation(state, name));
  },
};

function findName(typed: string): string | undefined {
  try {
    return readUsername(typed);
  } catch {
    return undefined;
  }
}

function quit(state: State): Step {
  return { state, effects: [{ do: "quit" }] };
}

function startSearch(state: State, text: string): State {
  return { ...state, search: { input: { text, at: text.length }, hits: [], at: 0, seeking: false } };
}

function search(state: State): Step {
  const query = state.search?.input.text ?? "";
  if (state.search === undefined || query === "") return still(state);
  const effects: Effect[] = [{ do: "search", with: state.current, query }];
  return { state: { ...state, search: { ...state.search, query, hits: [], at: 0 } }, effects };
}

function pressSearch(state: State, input: Input): Step {
  const found = state.search;
  if (found === undefined) return still(state);
  if (input.type !== "key") return still(searchFor(state, insert(found.input, input.text.replaceAll("\n", " "))));
  const action = EDITS[input.name];
  if (action !== undefined) return still(searchFor(state, edit(found.input, action)));
  switch (input.name) {
    case "escape": {
      const { search: _, ...rest } = state;
      return still(rest);
    }
    case "enter":
      return found.query === found.input.text ? still(hit(state, 1)) : search(state);
    case "up":
      return still(hit(state, 1));
    case "down":
      return still(hit(state, -1));
    default:
      return still(state);
  }
}

function searchFor(state: State, input: TextInput): State {
  const { search: found } = state;
  return found === undefined ? state : { ...state, search: { ...found, input } };
}

/** The next older hit, or newer ones below zero; stops at either end. */
function hit(state: State, by: number): State {
  const { search: found } = state;
  if (found === undefined || found.hits.length === 0) return state;
  const at = Math.min(Math.max(found.at + by, 0), found.hits.length - 1);
  return seekOn({ ...state, search: { ...found, at, seeking: true } });
}

function pressLocked(state: State, locked: NonNullable<State["locked"]>, input: Input): Step {
  if (locked.checking) return still(state);
  const typed = (text: string) => still({ ...state, locked: { typed: text, checking: false } });
  if (input.type !== "key") return typed(locked.typed + input.text);
  if (input.name === "backspace") return typed([...locked.typed].slice(0, -1).join(""));
  if (input.name === "ctrl-u") return typed("");
  if (input.name === "ctrl-c" || input.name === "ctrl-d") return quit(state);
  if (input.name !== "enter" || locked.typed === "") return still(state);
  return {
    state: { ...state, locked: { typed: "", checking: true } },
    effects: [{ do: "unlock", passphrase: locked.typed }],
  };
}

function withDraft(state: State, draft: TextInput): State {
  return change(state, state.current, (one) => ({ ...one, draft }));
}

function warn(state: State, text: string): State {
  return { ...state, notice: { kind: "warning", text } };
}

function still(state: State): Step {
  return { state, effects: [] };
}
