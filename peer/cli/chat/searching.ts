import { seekOn } from "./arriving.ts";
import type { Input } from "./keys.ts";
import { type Effect, type State, type Step, still } from "./model.ts";
import { EDITS, edit, endOf, insert, type TextInput } from "./text-input.ts";

/*
 * Searching in the conversation that is shown.
 */

export function startSearch(state: State, text: string): State {
  return { ...state, search: { input: endOf(text), hits: [], at: 0, seeking: false } };
}

export function search(state: State): Step {
  const query = state.search?.input.text ?? "";
  if (state.search === undefined || query === "") return still(state);
  const effects: Effect[] = [{ do: "search", with: state.current, query }];
  return { state: { ...state, search: { ...state.search, query, hits: [], at: 0 } }, effects };
}

export function pressSearch(state: State, input: Input): Step {
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
