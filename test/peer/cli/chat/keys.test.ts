import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Input, KeyReader, withWheel } from "../../../../peer/cli/chat/keys.ts";

function read(...chunks: string[]): Input[] {
  const reader = new KeyReader();
  return chunks.flatMap((chunk) => reader.read(Buffer.from(chunk)));
}

const key = (name: string): Input => ({ type: "key", name });

test.each([
  ["\r", "enter"],
  ["\n", "newline"],
  ["\x1b\r", "alt-enter"],
  ["\x1b[13;5u", "newline"],
  ["\x1b[27;5;13~", "newline"],
  ["\x7f", "backspace"],
  ["\x1b\x7f", "alt-backspace"],
  ["\x03", "ctrl-c"],
  ["\x1b[A", "up"],
  ["\x1bOA", "up"],
  ["\x1b[1;3A", "alt-up"],
  ["\x1b[1;5D", "ctrl-left"],
  ["\x1b[1;5F", "ctrl-end"],
  ["\x1b[5~", "page-up"],
  ["\x1b[3~", "delete"],
  ["\x1b1", "alt-1"],
  ["\x1b[1;2A", "shift-up"],
  ["\x1bOP", "f1"],
  ["\x1b[11~", "f1"],
])("%j is %s", (bytes, name) => {
  expect(read(bytes)).toEqual([key(name)]);
});

test("what nobody knows is nothing, and does not spill into the text", () => {
  expect(read("a\x1b[99;99;99zb\x1b[?62cc")).toEqual([
    { type: "text", text: "a" },
    { type: "text", text: "b" },
    { type: "text", text: "c" },
  ]);
});

test("a lone escape is a key once nothing follows it", () => {
  const reader = new KeyReader();
  expect(reader.read(Buffer.from("\x1b"))).toEqual([]);
  expect(reader.isWaiting).toBe(true);
  expect(reader.flush()).toEqual([key("escape")]);
  expect(reader.flush()).toEqual([]);
});

test("a paste is one piece, with lines and whatever looks like a key in it", () => {
  expect(read("\x1b[200~one\r\ntwo\rthree\x03\x1b[A\x1b[201~x")).toEqual([
    { type: "paste", text: "one\ntwo\nthree\x03\x1b[A", whole: true },
    { type: "text", text: "x" },
  ]);
});

test("a paste without end is not kept", () => {
  const reader = new KeyReader();
  reader.read(Buffer.from("\x1b[200~"));
  for (let count = 0; count < 200; count += 1) expect(reader.read(Buffer.alloc(1024, "x"))).toEqual([]);
  const [paste] = reader.read(Buffer.from("\x1b[201~"));
  expect(paste).toMatchObject({ type: "paste", whole: false });
  expect(paste?.type === "paste" && paste.text.length).toBeLessThanOrEqual(64 * 1024);
});

test.each([
  ["\x03", "ctrl-c"],
  ["\x04", "ctrl-d"],
])("a paste whose end was lost ends with a lone %j", (bytes, name) => {
  const reader = new KeyReader();
  expect(reader.read(Buffer.from("\x1b[200~one\rtwo\x1b[20"))).toEqual([]);
  expect(reader.read(Buffer.from("\r"))).toEqual([]);
  const paste = { type: "paste", text: "one\ntwo\x1b[20\n", whole: true };
  expect(reader.read(Buffer.from(bytes))).toEqual([paste, key(name)]);
  expect(reader.read(Buffer.from("a\r"))).toEqual([{ type: "text", text: "a" }, key("enter")]);
});

const typed = fc.array(
  fc.constantFrom("a", "ä", "漢", "👍", "\r", "\x03", "\x1b[A", "\x1b[1;5D", "\x1bb", "\x1b[200~x\r\ny\x1b[201~"),
  { maxLength: 12 },
);

function joined(inputs: readonly Input[]): Input[] {
  const found: Input[] = [];
  for (const input of inputs) {
    const last = found.at(-1);
    if (input.type === "text" && last?.type === "text")
      found[found.length - 1] = { type: "text", text: last.text + input.text };
    else found.push(input);
  }
  return found;
}

test("however the bytes are cut, the same was pressed", () => {
  fc.assert(
    fc.property(typed, fc.array(fc.nat(80), { maxLength: 6 }), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(""));
      const places = [0, ...cuts.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length];
      const reader = new KeyReader();
      const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      const inputs = pieces.flatMap((piece) => reader.read(piece));
      expect(joined(inputs)).toEqual(joined(new KeyReader().read(bytes)));
    }),
  );
});

test("no bytes whatever break the reader", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), (chunks) => {
      const reader = new KeyReader();
      for (const chunk of chunks) reader.read(chunk);
      reader.flush();
    }),
  );
});

test("a wheel, which says many arrows at once, is no key that was pressed many times", () => {
  const read = (text: string) =>
    withWheel(new KeyReader().read(Buffer.from(text))).map((input) => input.type === "key" && input.name);
  expect(read("\x1b[A\x1b[A\x1b[A")).toEqual(["shift-up", "shift-up", "shift-up"]);
  expect(read("\x1bOB\x1bOB\x1bOB")).toEqual(["shift-down", "shift-down", "shift-down"]);
  expect(read("\x1b[A\x1b[A")).toEqual(["up", "up"]);
  expect(read("\x1b[A\x1b[B\x1b[A")).toEqual(["up", "down", "up"]);
});
