import { textOfLine } from "../../peer/cli/chat/line.ts";
import { currentOf, type Effect } from "../../peer/cli/chat/model.ts";
import { render } from "../../peer/cli/chat/render.ts";
import type { Run } from "./chat.ts";
import { BOB } from "./fake-operations.ts";

export const CAROL = { ...BOB, username: "carol" };
export const contacts = { type: "contacts", contacts: [BOB, CAROL] } as const;

export function rowsOf({ state }: Run): string[] {
  return render(state).lines.map(textOfLine);
}

export function texts(run: Run): string[] {
  return currentOf(run.state).entries.map(({ text }) => text);
}

export function done<T extends Effect["do"]>(run: Run, kind: T): Extract<Effect, { do: T }>[] {
  return run.effects.filter((effect): effect is Extract<Effect, { do: T }> => effect.do === kind);
}
