import { ChatError } from "../../../shared/errors.ts";
import { parseDuration } from "../duration.ts";

/** One line of what a sandbox is told. */
export type Order =
  | { readonly verb: "help" }
  | { readonly verb: "status" }
  | { readonly verb: "quit" }
  | { readonly verb: "start" | "stop" | "kill" | "freeze" | "thaw"; readonly name: string }
  | { readonly verb: "cut" | "drop"; readonly a: string; readonly b?: string }
  | { readonly verb: "heal"; readonly a?: string; readonly b?: string }
  | { readonly verb: "delay"; readonly a: string; readonly b?: string; readonly delayMs: number }
  | { readonly verb: "throttle"; readonly a: string; readonly b?: string; readonly bytesPerSecond: number }
  | { readonly verb: "send"; readonly from: string; readonly to: string; readonly text: string }
  | { readonly verb: "wait"; readonly ms: number };

type Verb = Order["verb"];
/** Undefined where the number of words is wrong. */
type Read = (words: readonly string[], line: string) => Order | undefined;
type Form = { readonly takes: string; readonly does: string; readonly read: Read };

const RATE = /^(\d{1,9})(B|kB|MB)(?:\/s)?$/;
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1000, MB: 1_000_000 };
const SEND = /^\s*send\s+(\S+)\s+(\S+)\s(.*\S.*)$/s;

const alone =
  (verb: "help" | "status" | "quit"): Read =>
  (words) =>
    words.length === 0 ? { verb } : undefined;

const ofOne =
  (verb: "start" | "stop" | "kill" | "freeze" | "thaw"): Read =>
  ([name, ...more]) =>
    name !== undefined && more.length === 0 ? { verb, name } : undefined;

const between =
  (verb: "cut" | "drop"): Read =>
  ([a, b, ...more]) =>
    a !== undefined && more.length === 0 ? { verb, a, ...(b !== undefined && { b }) } : undefined;

/** Two names or one, and a value behind them. */
function valued(words: readonly string[]): { a: string; b?: string; value: string } | undefined {
  const [a, b, value] = words.length === 2 ? [words[0], undefined, words[1]] : words;
  if (a === undefined || value === undefined || words.length > 3) return undefined;
  return { a, ...(b !== undefined && { b }), value };
}

/** In the order of the help. */
const FORMS: Readonly<Record<Verb, Form>> = {
  status: { takes: "", does: "what runs, and what is wrong", read: alone("status") },
  send: {
    takes: "<from> <to> <text>",
    does: "send a message, and wait up to 2 s until it is there",
    read: (_, line) => {
      const [, from, to, text] = SEND.exec(line) ?? [];
      return from && to && text ? { verb: "send", from, to, text } : undefined;
    },
  },
  stop: { takes: "<name>", does: "end a peer, a relay or the server, as a service manager would", read: ofOne("stop") },
  start: { takes: "<name>", does: "start it again", read: ofOne("start") },
  kill: { takes: "<name>", does: "end it as a power failure would (SIGKILL)", read: ofOne("kill") },
  freeze: { takes: "<name>", does: "stop its time (SIGSTOP)", read: ofOne("freeze") },
  thaw: { takes: "<name>", does: "let its time go on", read: ofOne("thaw") },
  cut: { takes: "<name> [name]", does: "end the link between two, or all links of one", read: between("cut") },
  drop: { takes: "<name> [name]", does: "let everything on the link vanish until it is healed", read: between("drop") },
  delay: {
    takes: "<name> [name] <time>",
    does: "everything on the link takes so much longer, each way: 200ms",
    read: (words) => {
      const { value, ...link } = valued(words) ?? {};
      if (value === undefined || !("a" in link)) return undefined;
      return { verb: "delay", ...(link as { a: string; b?: string }), delayMs: parseDuration(value, "delay") };
    },
  },
  throttle: {
    takes: "<name> [name] <rate>",
    does: "so many bytes a second on the link, each way: 10kB",
    read: (words) => {
      const { value, ...link } = valued(words) ?? {};
      if (value === undefined || !("a" in link)) return undefined;
      return { verb: "throttle", ...(link as { a: string; b?: string }), bytesPerSecond: parseRate(value) };
    },
  },
  heal: {
    takes: "[name] [name]",
    does: "mend a link, all links of one, or everything",
    read: ([a, b, ...more]) => {
      return more.length === 0
        ? { verb: "heal", ...(a !== undefined && { a }), ...(b !== undefined && { b }) }
        : undefined;
    },
  },
  wait: {
    takes: "<time>",
    does: "take the next order so much later: 500ms",
    read: ([time, ...more]) => {
      return time !== undefined && more.length === 0 ? { verb: "wait", ms: parseDuration(time, "wait") } : undefined;
    },
  },
  help: { takes: "", does: "this", read: alone("help") },
  quit: { takes: "", does: "end the sandbox, as Ctrl-C does", read: alone("quit") },
};

export const VERBS = Object.keys(FORMS).filter(isVerb);

export const ORDERS_HELP = [
  ...VERBS.map((verb) => `  ${`${verb} ${FORMS[verb].takes}`.padEnd(30)}${FORMS[verb].does}`),
  "A name is a peer's, a relay's (relay1), or server.",
].join("\n");

/**
 * Reads a line; one that is empty, or begins with #, is none.
 *
 * @throws ChatError USAGE
 */
export function parseOrder(line: string): Order | undefined {
  const [verb, ...words] = line.trim().split(/\s+/);
  if (verb === undefined || verb === "" || verb.startsWith("#")) return undefined;
  if (!isVerb(verb)) throw new ChatError("USAGE", `there is no order ${verb}; help lists them`);
  const order = FORMS[verb].read(words, line);
  if (order !== undefined) return order;
  throw new ChatError("USAGE", `it is: ${`${verb} ${FORMS[verb].takes}`.trim()}`);
}

/** What may stand at the end of a line that is being typed. */
export function completionsOf(line: string, names: readonly string[]): readonly string[] {
  const words = line.trimStart().split(/\s+/);
  const begun = words.at(-1) ?? "";
  return (words.length === 1 ? VERBS : names).filter((word) => word.startsWith(begun)).map((word) => `${word} `);
}

function isVerb(text: string): text is Verb {
  return Object.hasOwn(FORMS, text);
}

function parseRate(text: string): number {
  const [, amount, unit = ""] = RATE.exec(text) ?? [];
  const rate = Number(amount) * (UNIT_BYTES[unit] ?? Number.NaN);
  if (rate > 0) return rate;
  throw new ChatError("USAGE", "throttle takes bytes a second, such as 500B, 10kB or 1MB");
}
