import type { Conversation } from "./model.ts";
import { endOf } from "./text-input.ts";

const MOST = 100;

/** What was sent or ordered, to be had again. */
export function remember({ recalled: _, ...one }: Conversation, text: string): Conversation {
  return { ...one, said: [...one.said.filter((before) => before !== text), text].slice(-MOST) };
}

/** What was written before, or after; behind the newest, what stood there when the going back began. */
export function recall(one: Conversation, by: -1 | 1): Conversation {
  const { said, draft, recalled } = one;
  const at = (recalled?.at ?? said.length) + by;
  const kept = recalled?.kept ?? draft;
  const text = said[at];
  if (text !== undefined) return { ...one, draft: endOf(text), recalled: { at, kept } };
  if (recalled === undefined || at < said.length) return one;
  const { recalled: _, ...rest } = one;
  return { ...rest, draft: kept };
}
