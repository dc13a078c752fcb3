/** What was pressed, by names that do not depend on the terminal. `text` may be several characters. */
export type Input =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "paste"; readonly text: string; readonly whole: boolean }
  | { readonly type: "key"; readonly name: string };

const ESCAPE = "\x1b";
const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";
/** A paste longer than any message is not kept. */
const MAX_PASTE = 64 * 1024;
/** CSI: parameters, intermediates, one final byte; or SS3 and one byte. */
const SEQUENCE = /^\x1b(?:\[([0-?]*)[ -/]*([@-~])|O([@-~]))/;
const UNFINISHED = /^\x1b(?:\[[0-?]*[ -/]*|O)?$/;
const MAX_SEQUENCE = 32;

/** Where the end of a paste was lost on the way, Ctrl+C or Ctrl+D, when nothing else comes with it, is a key again. */
const ENDLESS_PASTE_ENDS: ReadonlySet<string> = new Set(["\x03", "\x04"]);

type Paste = { text: string; whole: boolean };

const FINAL: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  P: "f1",
  Z: "shift-tab",
};
const TILDE: Readonly<Record<string, string>> = {
  1: "home",
  3: "delete",
  4: "end",
  5: "page-up",
  6: "page-down",
  7: "home",
  8: "end",
  11: "f1",
};
const CONTROL: Readonly<Record<number, string>> = {
  8: "backspace",
  9: "tab",
  10: "newline",
  13: "enter",
  27: "escape",
  127: "backspace",
};

/**
 * Makes keys of what a terminal sends, however it is cut. A lone escape waits: it may be the beginning of something; `flush`
 * says that nothing followed.
 */
export class KeyReader {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #paste: Paste | undefined;

  get isWaiting(): boolean {
    return this.#rest !== "" && this.#paste === undefined;
  }

  read(bytes: Uint8Array): Input[] {
    const text = this.#decoder.decode(bytes, { stream: true });
    const given = this.#paste !== undefined && ENDLESS_PASTE_ENDS.has(text) ? [this.#giveUp(this.#paste)] : [];
    this.#rest += text;
    return [...given, ...this.#all()];
  }

  /** What waits, taken as it stands. */
  flush(): Input[] {
    if (!this.isWaiting) return [];
    const rest = this.#rest;
    this.#rest = "";
    return rest === ESCAPE ? [{ type: "key", name: "escape" }] : [];
  }

  *#all(): Generator<Input> {
    for (let before = -1; this.#rest !== "" && this.#rest.length !== before; ) {
      before = this.#rest.length;
      const input = this.#paste === undefined ? this.#one() : this.#pasted(this.#paste);
      if (input !== undefined) yield input;
    }
  }

  #take(length: number): void {
    this.#rest = this.#rest.slice(length);
  }

  #one(): Input | undefined {
    const rest = this.#rest;
    if (rest.startsWith(PASTE_START)) {
      this.#take(PASTE_START.length);
      this.#paste = { text: "", whole: true };
      return undefined;
    }
    if (rest.startsWith(ESCAPE)) return this.#escaped();
    const text = /^[^\x00-\x1f\x7f]+/.exec(rest)?.[0];
    this.#take(text?.length ?? 1);
    return text === undefined ? controlKey(rest.charCodeAt(0)) : { type: "text", text };
  }

  #escaped(): Input | undefined {
    const rest = this.#rest;
    const sequence = SEQUENCE.exec(rest);
    if (sequence) {
      this.#take(sequence[0].length);
      return sequenceKey(sequence[1] ?? "", sequence[2] ?? sequence[3] ?? "");
    }
    if (UNFINISHED.test(rest) && rest.length < MAX_SEQUENCE) return undefined;
    // Two escapes: the first one stands alone.
    const [, second = ""] = rest;
    if (second === ESCAPE || UNFINISHED.test(rest)) {
      this.#take(1);
      return { type: "key", name: "escape" };
    }
    const character = String.fromCodePoint(rest.codePointAt(1) ?? 0);
    this.#take(1 + character.length);
    const plain = controlKey(character.charCodeAt(0));
    return { type: "key", name: `alt-${plain?.type === "key" ? plain.name : character}` };
  }

  #pasted(paste: Paste): Input | undefined {
    const end = this.#rest.indexOf(PASTE_END);
    // The end itself may be cut in two.
    const safe = end === -1 ? Math.max(0, this.#rest.length - PASTE_END.length + 1) : end;
    if (paste.text.length + safe > MAX_PASTE) paste.whole = false;
    else paste.text += this.#rest.slice(0, safe);
    this.#take(end === -1 ? safe : end + PASTE_END.length);
    return end === -1 ? undefined : this.#finish(paste);
  }

  #giveUp(paste: Paste): Input {
    paste.text += this.#rest;
    this.#rest = "";
    return this.#finish(paste);
  }

  #finish({ text, whole }: Paste): Input {
    this.#paste = undefined;
    return { type: "paste", text: text.replace(/\r\n?/g, "\n"), whole };
  }
}

function controlKey(code: number): Input | undefined {
  if (code > 0x1f && code !== 0x7f) return undefined;
  const name = CONTROL[code] ?? (code >= 1 && code <= 26 ? `ctrl-${String.fromCharCode(code + 0x60)}` : undefined);
  return name === undefined ? undefined : { type: "key", name };
}

/** Modifiers are 1 + shift 1, alt 2, ctrl 4. What is not known is nothing. */
function sequenceKey(parameters: string, final: string): Input | undefined {
  const [first = "", second = "1", third = ""] = parameters.split(";");
  if (final === "u" || (final === "~" && first === "27")) {
    const code = Number(final === "u" ? first : third);
    return code === 13 ? { type: "key", name: Number(second) > 1 ? "newline" : "enter" } : undefined;
  }
  const name = final === "~" ? TILDE[first] : FINAL[final];
  if (name === undefined) return undefined;
  const modifiers = Number(second) - 1;
  const shift = modifiers & 1 && (name === "up" || name === "down") ? "shift-" : "";
  return { type: "key", name: `${modifiers & 2 ? "alt-" : ""}${modifiers & 4 ? "ctrl-" : ""}${shift}${name}` };
}

/** As many at once no finger presses: a wheel, which terminals without another use for it report as arrows. */
const WHEEL_KEYS = 3;

/** What came in one piece, with a wheel's turn as what it is. */
export function withWheel(inputs: readonly Input[]): readonly Input[] {
  const [first] = inputs;
  const isTurn = first?.type === "key" && (first.name === "up" || first.name === "down");
  if (!isTurn || inputs.length < WHEEL_KEYS) return inputs;
  if (!inputs.every((input) => input.type === "key" && input.name === first.name)) return inputs;
  return inputs.map(() => ({ type: "key", name: `shift-${first.name}` }));
}
