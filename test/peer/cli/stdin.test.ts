import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readMessage } from "../../../peer/cli/stdin.ts";
import { ChatError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/protocol.ts";
import { expectError } from "../../support/expect-error.ts";

const never = new AbortController().signal;

function read(...chunks: (string | Uint8Array)[]): Promise<string> {
  return readMessage(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), never);
}

test.each([
  ["hi\n", "hi"],
  ["hi\r\n", "hi"],
  ["hi\n\n", "hi\n"],
  ["hi", "hi"],
  ["a\nb\n", "a\nb"],
  ["\nhi", "\nhi"],
])("%j loses one newline at its end at most", async (piped, text) => {
  expect(await read(piped)).toBe(text);
});

test("a character may be cut anywhere by the pipe", async () => {
  const bytes = Buffer.from("日本");
  expect(await read(bytes.subarray(0, 2), bytes.subarray(2, 5), bytes.subarray(5))).toBe("日本");
});

test.each(["", "\n", "\r\n"])("a text of the full length may end in %j", async (ending) => {
  const text = "a".repeat(LIMITS.textMaxBytes);
  expect(await read(text, ending)).toBe(text);
});

test.each(["b", "b\n", "\n\n"])("a text that is longer by %j is refused", async (more) => {
  await expectError(read("a".repeat(LIMITS.textMaxBytes), more), "MESSAGE_TOO_LARGE");
});

test("an endless pipe is read no further than a message can be long", async () => {
  let given = 0;
  const endless = new Readable({
    read() {
      given += 1024;
      this.push(Buffer.alloc(1024, 0x61));
    },
  });
  await expectError(readMessage(endless, never), "MESSAGE_TOO_LARGE");
  expect(given).toBeLessThan(256 * 1024);
  expect(endless.destroyed).toBe(true);
});

test.each(["", "\n"])("nothing but %j is no message", async (piped) => {
  await expectError(read(piped), "MESSAGE_EMPTY");
});

test("bytes that are not UTF-8 are refused", async () => {
  await expectError(read(Uint8Array.of(0x68, 0xff)), "MESSAGE_NOT_TEXT");
});

test("an interruption ends the wait for a pipe that gives nothing", async () => {
  const interrupted = new AbortController();
  const reading = readMessage(new Readable({ read: () => undefined }), interrupted.signal);
  interrupted.abort(new ChatError("INTERRUPTED", "interrupted"));
  await expectError(reading, "INTERRUPTED");
});
