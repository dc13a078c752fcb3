/** What a terminal shows as one: a character with the marks upon it, and the columns that it takes. */
export type Cluster = { readonly text: string; readonly width: 1 | 2 };

const ASCII = /^[\x20-\x7e]*$/;
/** Takes no column of its own: marks, joiners, selectors of style, inner parts of Korean syllables. */
const MARK = /\u200c|\u200d|[\p{Mn}\p{Me}\u1160-\u11ff\ud7b0-\ud7ff]/u;
/** East_Asian_Width W and F of Unicode 17, without the emoji that the property names. */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\ua4c6\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2fb}\u{1d300}-\u{1d376}\u{1f1e6}-\u{1f265}\u{1f6d9}\u{1f7da}\u{1fa8b}-\u{1fafa}\u{20000}-\u{3fffd}]/u;
const EMOJI_STYLE = "\uFE0F";
/** What carries a mark that stands alone, or one too many. */
const DOTTED_CIRCLE = "\u25CC";
const MAX_MARKS = 8;

/**
 * Cuts text that has been made visible. Terminals differ about some emoji: the width is then the larger one, so that a line
 * is never longer than it was meant to be.
 */
export function clusters(text: string): Cluster[] {
  if (ASCII.test(text)) return Array.from(text, (character) => ({ text: character, width: 1 }));
  const found: Cluster[] = [];
  let marks = 0;
  for (const character of text) {
    const last = found.at(-1);
    marks = MARK.test(character) ? marks + 1 : 0;
    if (marks === 0) found.push({ text: character, width: WIDE.test(character) ? 2 : 1 });
    else if (last === undefined || marks > MAX_MARKS) {
      found.push({ text: DOTTED_CIRCLE + character, width: 1 });
      marks = 1;
    } else found[found.length - 1] = marked(last, character);
  }
  return found;
}

function marked({ text, width }: Cluster, mark: string): Cluster {
  return { text: text + mark, width: mark === EMOJI_STYLE ? 2 : width };
}

/** Terminals draw these as one with what follows, or do not; or in one column, or two. */
const DEBATED = /\uFE0F|\u200D|[\u{1f1e6}-\u{1f1ff}]|[\u{1f3fb}-\u{1f3ff}]/u;

/** Whether terminals differ about how many columns that takes. */
export function isDebated(text: string): boolean {
  return DEBATED.test(text);
}

/** Columns. */
export function widthOf(text: string): number {
  return ASCII.test(text) ? text.length : clusters(text).reduce((sum, { width }) => sum + width, 0);
}

/** As much of the beginning as fits. */
export function cut(text: string, columns: number): string {
  if (ASCII.test(text)) return text.slice(0, Math.max(0, columns));
  let left = columns;
  let kept = "";
  for (const cluster of clusters(text)) {
    left -= cluster.width;
    if (left < 0) break;
    kept += cluster.text;
  }
  return kept;
}
