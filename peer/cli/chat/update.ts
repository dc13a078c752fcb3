import { noteAim } from "./aiming.ts";
import {
  takeAltered,
  takeContacts,
  takeEvent,
  takeFound,
  takePage,
  takePresenceEvent,
  takeSent,
  takeUnsent,
} from "./arriving.ts";
import { takeAttached, takeDetached } from "./attaching.ts";
import type { Happening, State, Step } from "./model.ts";
import { press } from "./pressing.ts";
import { openConversation, resized, settle } from "./reading.ts";

/** The whole of the conversation's behaviour: what it is after something happened, and what is to be done. */
export function update(state: State, happening: Happening): Step {
  const { state: next, effects } = take(state, happening);
  const settled = settle(noteAim(next));
  return { state: settled.state, effects: [...effects, ...settled.effects] };
}

function take(state: State, happening: Happening): Step {
  switch (happening.type) {
    case "input":
      return press(state, happening.input);
    case "page":
      return takePage(state, happening);
    case "attached":
      return takeAttached(state);
    default:
      return { state: changed(state, happening), effects: [] };
  }
}

function changed(state: State, happening: Exclude<Happening, { type: "input" | "page" | "attached" }>): State {
  switch (happening.type) {
    case "resize":
      return resized(state, happening.size);
    case "clock":
      return { ...state, nowMs: happening.nowMs };
    case "me":
      return { ...state, me: happening.username };
    case "contacts":
      return takeContacts(state, happening.contacts);
    case "sent":
      return takeSent(state, happening);
    case "altered":
      return takeAltered(state, happening);
    case "unsent":
      return takeUnsent(state, happening);
    case "found":
      return takeFound(state, happening);
    case "event":
      return takeEvent(state, happening.event);
    case "presence":
      return takePresenceEvent(state, happening.event);
    case "detached":
      return takeDetached(state, happening.hint);
    case "notice":
      return { ...state, notice: happening.notice };
    case "locked":
      return { ...state, locked: { typed: "", checking: false } };
    case "unlocked": {
      const { locked: _, ...rest } = state;
      // What came meanwhile is new.
      return openConversation(rest, rest.current);
    }
    case "still-locked":
      return { ...state, locked: { typed: "", checking: false, wrong: happening.reason } };
  }
}
