/*
 * Text from others, made harmless for a terminal. Only for display: what is stored stays raw.
 */

/**
 * Code points that act instead of showing: controls of 7 and 8 bits (so every escape sequence), line and paragraph
 * separators, bidirectional overrides and isolates, everything invisible (zero-width, fillers, tags), lone surrogates
 * and noncharacters. The selectors for text and emoji style, U+FE0E and U+FE0F, may stay.
 */
const ACTIVE =
  /(?![\uFE0E\uFE0F])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;

/**
 * Joiners where scripts and emoji cannot do without: inside an emoji that Unicode lists, between Arabic letters, and behind
 * the virama of an Indic script. There they change what is seen, and hide nothing. Made where it is needed: to read all of
 * those emoji takes 7 ms, at each start of the program.
 */
const joined = () =>
  /\p{RGI_Emoji_ZWJ_Sequence}|(?<=\p{Script=Arabic})\u200C(?=\p{Script=Arabic})|(?<=[\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA])[\u200C\u200D](?=\p{L})/gv;
const JOINER = /[\u200C\u200D]/;

const NEWLINE = /\r?\n/;
const CONTINUATION = "\n  | ";
const SHORTENED_LENGTH = 500;

/** One line: newlines and all else that acts show as `<U+000A>`. */
export function visibleLine(text: string): string {
  if (!JOINER.test(text)) return named(text);
  let shown = "";
  let from = 0;
  for (const { 0: whole, index } of text.matchAll(joined())) {
    shown += named(text.slice(from, index)) + whole;
    from = index + whole.length;
  }
  return shown + named(text.slice(from));
}

function named(text: string): string {
  return text.replace(ACTIVE, codePointName);
}

/** A message: its newlines stay, but no line of it can be taken for the start of another message. */
export function visibleMessage(text: string): string {
  return text.replaceAll("\t", "    ").split(NEWLINE).map(visibleLine).join(CONTINUATION);
}

/** A reason that a remote gave: one line, not too long. */
export function visibleReason(text: string): string {
  const short = text.length > SHORTENED_LENGTH ? `${text.slice(0, SHORTENED_LENGTH)}...` : text;
  return visibleLine(short);
}

/** JSON in which whatever acts is escaped, so that printing it raw does no harm and the value stays the same. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replace(ACTIVE, escapeUnits);
}

function codePointName(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  return `<U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}>`;
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }).join("");
}
