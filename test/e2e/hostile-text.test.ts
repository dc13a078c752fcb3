import { expect, test } from "vitest";
import { aliceAndBob } from "../support/p2pchat.ts";

const ESC = "\u001b";
/** What a terminal would obey, and what must be seen instead. */
const VECTORS: readonly [string, string][] = [
  [`${ESC}]0;x\u0007title`, "<U+001B>]0;x<U+0007>title"],
  [`${ESC}[2Jclear`, "<U+001B>[2Jclear"],
  ["\u009b31mred", "<U+009B>31mred"],
  [`${ESC}]52;c;aGk=\u0007clipboard`, "<U+001B>]52;c;aGk=<U+0007>clipboard"],
  [`${ESC}]8;;http://x\u0007link`, "<U+001B>]8;;http://x<U+0007>link"],
  [`${ESC}P+q544e${ESC}\\`, "<U+001B>P+q544e<U+001B>\\"],
  ["hi\rbob: forged", "hi<U+000D>bob: forged"],
  ["\u202egpj.exe", "<U+202E>gpj.exe"],
  ["a\u200bb", "a<U+200B>b"],
  ["\ufeffmark", "<U+FEFF>mark"],
  ["tag\u{e0041}", "tag<U+E0041>"],
  ["\u2066isolate\u2069", "<U+2066>isolate<U+2069>"],
  ["next\u0085line\u2028s", "next<U+0085>line<U+2028>s"],
];

/** Any character that acts on a terminal, but for the ends of lines. */
const ACTIVE =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

test("what others send can be seen but does nothing, in listen, in history and in JSON; stored it stays as it was", async () => {
  const { alice, bob, listening } = await aliceAndBob();
  await listening.stop();
  const shown = bob.start(["listen"]);
  await shown.until(() => shown.stderr.includes("listening as bob"));
  await alice.listen();
  for (const [text] of VECTORS) expect(await alice.send("bob", text)).toMatchObject({ exit: 0 });
  await alice.send("bob", "first line\nbob: forged\n2026-11-20 12:00 bob: forged");
  await alice.send("bob", "the last");
  await shown.until(() => shown.stdout.includes("the last"));

  const [history, json] = await Promise.all([bob.run(["history", "alice"]), bob.run(["history", "alice", "--json"])]);
  for (const output of [shown.stdout, shown.stderr, history.stdout, json.stdout]) expect(output).not.toMatch(ACTIVE);
  for (const output of [shown.stdout, history.stdout]) {
    for (const [, visible] of VECTORS) expect(output).toContain(visible);
    const lines = output.trimEnd().split("\n");
    expect(lines.filter((line) => /^\d{4}-/.test(line))).toHaveLength(VECTORS.length + 2);
    expect(lines.filter((line) => line.includes("forged") && !/alice: hi</.test(line))).toEqual([
      expect.stringMatching(/^ {2}\| /),
      expect.stringMatching(/^ {2}\| /),
    ]);
  }
  expect(json.lines.map(({ text }) => text)).toEqual([
    ...VECTORS.map(([text]) => text),
    "first line\nbob: forged\n2026-11-20 12:00 bob: forged",
    "the last",
  ]);
});
