import { clusters, isDebated, widthOf } from "./cell-width.ts";
import type { Line, Role } from "./line.ts";

const JOINER = "\u200d";

type Attributes = Readonly<Record<Role, string>>;

/** Colours of the terminal's own palette, so that they suit its background. */
const NAMES = {
  "name-0": "36",
  "name-1": "32",
  "name-2": "33",
  "name-3": "35",
  "name-4": "34",
  "name-5": "31",
  "name-6": "96",
  "name-7": "95",
} as const;

const COLOURED: Attributes = {
  ...NAMES,
  plain: "",
  faint: "2",
  strong: "1",
  warning: "1;31",
  good: "32",
  selected: "7",
  match: "30;43",
};

/** `NO_COLOR`: bold, faint and reversed are no colours. */
const UNCOLOURED: Attributes = {
  ...COLOURED,
  ...(Object.fromEntries(Object.keys(NAMES).map((name) => [name, "1"])) as Record<keyof typeof NAMES, string>),
  warning: "1;7",
  good: "",
  match: "7",
};

/** A line as a terminal takes it, from the first column on; attributes are off before and behind it. */
export function toAnsi(line: Line, colour: boolean): string {
  const attributes = colour ? COLOURED : UNCOLOURED;
  let column = 0;
  return line
    .map(({ text, role }) => {
      const placed = isDebated(text) ? inPlace(text, column) : text;
      column += widthOf(text);
      return attributes[role] === "" ? placed : `\x1b[${attributes[role]}m${placed}\x1b[0m`;
    })
    .join("");
}

/** Whatever the terminal makes of an emoji, what follows stands where we think it does, and so does the cursor. */
function inPlace(text: string, from: number): string {
  let column = from;
  return clusters(text)
    .map(({ text: own, width }, index, all) => {
      column += width;
      const [before, next] = [all[index - 1]?.text ?? "", all[index + 1]?.text ?? ""];
      const isPart = isDebated(own) || before.endsWith(JOINER);
      const isLast = !own.endsWith(JOINER) && !isDebated(next);
      return isPart && isLast ? `${own}\x1b[${column + 1}G` : own;
    })
    .join("");
}
