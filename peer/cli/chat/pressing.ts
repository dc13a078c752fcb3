import { LIMITS } from "../../../shared/protocol.ts";
import type { Input } from "./keys.ts";
import { change, currentOf, type State, type Step, still, warn } from "./model.ts";
import { complete, quit, submit } from "./orders.ts";
import {
  openBeside,
  openConversation,
  openUnread,
  pageRows,
  pickBy,
  scrollBy,
  scrollHelp,
  scrollToNewest,
  unpick,
} from "./reading.ts";
import { recall } from "./recall.ts";
import { pressSearch, startSearch } from "./searching.ts";
import { bytesOf, EDITS, EMPTY_INPUT, edit, insert, type TextInput, takenAway } from "./text-input.ts";

/*
 * What the person presses and pastes.
 */

const FAR = Number.MAX_SAFE_INTEGER;

export function press(state: State, input: Input): Step {
  if (state.locked !== undefined) return pressLocked(state, state.locked, input);
  const { notice: _, leaving: isLeaving = false, ...calm } = state;
  if (input.type === "key" && calm.help !== undefined) {
    const scrolled = HELP_KEYS[input.name]?.(calm);
    if (scrolled !== undefined) return still(scrolled);
  }
  const { help: __, ...open } = calm;
  if (input.type === "key") {
    if (input.name === "ctrl-c") return pressCtrlC(open, isLeaving);
    const found = KEYS[input.name]?.(open) ?? altNumber(open, input.name);
    if (found !== undefined) return "state" in found ? found : still(found);
  }
  return open.search === undefined ? pressDraft(open, input) : pressSearch(open, input);
}

/** What a key does wherever it is pressed. */
const KEYS: Readonly<Record<string, (state: State) => State | Step>> = {
  "page-up": (state) => scrollBy(state, pageRows(state)),
  "page-down": (state) => scrollBy(state, -pageRows(state)),
  "ctrl-up": (state) => scrollBy(state, 1),
  "ctrl-down": (state) => scrollBy(state, -1),
  "shift-up": (state) => scrollBy(state, 1),
  "shift-down": (state) => scrollBy(state, -1),
  "ctrl-home": (state) => scrollBy(state, FAR),
  "ctrl-end": scrollToNewest,
  "ctrl-n": (state) => openBeside(state, 1),
  "ctrl-p": (state) => openBeside(state, -1),
  "alt-a": openUnread,
  "alt-up": (state) => pickBy(state, -1),
  "alt-down": (state) => pickBy(state, 1),
  "ctrl-f": (state) => startSearch(state, ""),
  "ctrl-l": (state) => ({ state, effects: [{ do: "redraw" }] }),
  f1: (state) => ({ ...state, help: 0 }),
};

const HELP_KEYS: Readonly<Record<string, (state: State) => State>> = {
  "page-up": (state) => scrollHelp(state, -pageRows(state)),
  "page-down": (state) => scrollHelp(state, pageRows(state)),
  up: (state) => scrollHelp(state, -1),
  down: (state) => scrollHelp(state, 1),
  "ctrl-up": (state) => scrollHelp(state, -1),
  "ctrl-down": (state) => scrollHelp(state, 1),
  escape: ({ help: _, ...state }) => state,
};

function altNumber(state: State, name: string): State | undefined {
  const number = /^alt-([1-9])$/.exec(name)?.[1];
  const one = number === undefined ? undefined : state.conversations[Number(number) - 1];
  return one && openConversation(state, one.username);
}

/** What is written goes first, and Ctrl+Y brings it back; only then, twice, it leaves. */
function pressCtrlC(state: State, isLeaving: boolean): Step {
  const { text } = currentOf(state).draft;
  if (text !== "") return still({ ...withDraft(state, EMPTY_INPUT), killed: text });
  if (isLeaving) return quit(state);
  return still({ ...state, leaving: true, notice: { kind: "talk", text: "Ctrl+C again, or Ctrl+D, leaves" } });
}

function pressDraft(state: State, input: Input): Step {
  const { draft } = currentOf(state);
  if (input.type !== "key") return saying(add(state, input));
  const action = EDITS[input.name];
  if (action !== undefined) {
    const next = edit(draft, action);
    const killed = takenAway(draft, next, action);
    return still({ ...withDraft(state, next), ...(killed !== "" && { killed }) });
  }
  switch (input.name) {
    case "enter":
      return submit(state, draft.text);
    case "newline":
    case "alt-enter":
    case "alt-newline":
      return still(add(state, { type: "text", text: "\n" }));
    case "ctrl-y":
      return still(add(state, { type: "text", text: state.killed ?? "" }));
    case "up":
    case "down":
      return still(moveOrRecall(state, input.name));
    case "tab":
      return still(complete(state));
    case "escape":
      return still(scrollToNewest(unpick(state)));
    case "ctrl-d":
      return draft.text === "" ? quit(state) : still(withDraft(state, edit(draft, "delete-right")));
    default:
      return still(state);
  }
}

/** Where both want it, they see that something is being written; orders are none of their business. */
function saying(state: State): Step {
  const { username, contact, draft } = currentOf(state);
  const isTold = contact?.typing === true && state.detached === undefined && !draft.text.startsWith("/");
  return { state, effects: isTold ? [{ do: "typing", with: username }] : [] };
}

/** Between the rows of what is written, and beyond them through what was written before. */
function moveOrRecall(state: State, name: "up" | "down"): State {
  const { draft } = currentOf(state);
  const moved = edit(draft, name);
  if (moved.at !== draft.at) return withDraft(state, moved);
  return change(state, state.current, (one) => recall(one, name === "up" ? -1 : 1));
}

function add(state: State, input: Extract<Input, { type: "text" | "paste" }>): State {
  const next = insert(currentOf(state).draft, input.text);
  const fits = input.type === "text" || input.whole;
  if (fits && bytesOf(next) <= LIMITS.textMaxBytes) return withDraft(state, next);
  return warn(state, `too long: a message has at most ${LIMITS.textMaxBytes} bytes`);
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
