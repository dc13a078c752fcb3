import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { readBatch } from "../../../../peer/cli/batch/batch-file.ts";
import { ChatError } from "../../../../shared/errors.ts";
import { expectError } from "../../../support/expect-error.ts";
import { temporaryDirectory } from "../../../support/temporary-directory.ts";

const never = new AbortController().signal;
const read = (text: string | Uint8Array) => readBatch("-", Readable.from([Buffer.from(text)]), never);

describe("a file of messages", () => {
  test("is read line by line, empty lines aside, each with its number", async () => {
    const lines = '{"to":"bob","text":"hi"}\r\n\n  {"to":"carol","text":"a\\nb","id":"k"}';
    expect(await read(lines)).toEqual([
      { to: "bob", text: "hi", line: 1 },
      { to: "carol", text: "a\nb", id: "k", line: 3 },
    ]);
    const file = join(temporaryDirectory(), "batch");
    writeFileSync(file, lines);
    expect(await readBatch(file, new PassThrough(), never)).toHaveLength(2);
    expect(await read("")).toEqual([]);
  });

  test.each([
    ["no JSON", "hi", "USAGE"],
    ["no object", '["bob","hi"]', "USAGE"],
    ["no recipient", '{"text":"hi"}', "USAGE"],
    ["no text", '{"to":"bob"}', "USAGE"],
    ["a text that is a number", '{"to":"bob","text":5}', "USAGE"],
    ["an id that is empty", '{"to":"bob","text":"hi","id":""}', "USAGE"],
    ["a member that has no meaning", '{"to":"bob","txt":"hi","text":"hi"}', "USAGE"],
    ["a recipient twice", '{"to":"carol","text":"hi","to":"bob"}', "USAGE"],
    ["a text twice, once escaped", '{"to":"bob","text":5,"\\u0074ext":"hi"}', "USAGE"],
    ["an id twice", '{"to":"bob","text":"hi","id":["a"],"id":"k"}', "USAGE"],
    ["an empty text", '{"to":"bob","text":""}', "MESSAGE_EMPTY"],
    ["a long text", JSON.stringify({ to: "bob", text: "x".repeat(20_000) }), "MESSAGE_TOO_LARGE"],
    ["half a character", '{"to":"bob","text":"\\ud800"}', "MESSAGE_NOT_TEXT"],
  ] as const)("with %s is refused as a whole, and the line is named", async (_what, line, code) => {
    const error = await expectError(read(`{"to":"bob","text":"hi"}\n${line}\n`), code);
    expect(error.details).toEqual({ line: 2 });
    expect(error.message).toMatch(/^line 2: .*; nothing was sent$/);
  });

  test("may begin with a byte order mark, and hold quotes and backslashes", async () => {
    const text = '"\\" and \\u0022, "to":"carol"';
    const line = JSON.stringify({ to: "bob", text, id: '"' });
    expect(await read(`\uFEFF${line}`)).toEqual([{ to: "bob", text, id: '"', line: 1 }]);
    await expectError(read(`${line}\n\uFEFF${line}`), "USAGE");
  });

  test("with too many messages is refused", async () => {
    await expectError(read('{"to":"bob","text":"hi"}\n'.repeat(10_001)), "USAGE");
    expect(await read('{"to":"bob","text":"hi"}\n'.repeat(10_000))).toHaveLength(10_000);
  });

  test("that is no text, or is not there, is refused", async () => {
    await expectError(read(Uint8Array.of(0xff)), "USAGE");
    await expectError(readBatch("/nowhere/batch", new PassThrough(), never), "USAGE");
  });

  test("is not waited for after an interruption", async () => {
    const interrupted = new AbortController();
    const reading = expectError(readBatch("-", new PassThrough(), interrupted.signal), "INTERRUPTED");
    interrupted.abort(new ChatError("INTERRUPTED", "interrupted"));
    await reading;
  });
});
