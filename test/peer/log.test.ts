import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../../peer/log.ts";
import { ChatError } from "../../shared/errors.ts";

/** What is written to stderr meanwhile. */
function stderrOf(run: () => void): string {
  const { write } = process.stderr;
  let written = "";
  onTestFinished(() => {
    process.stderr.write = write;
  });
  process.stderr.write = (text: string | Uint8Array) => {
    written += String(text);
    return true;
  };
  run();
  process.stderr.write = write;
  return written;
}

test("what a server says reaches the log whole, on one line, and acts on no terminal", () => {
  const said = "\u001b]0;x\u0007\u009b2J\u0090q\u202egpj\u2028line\r\nfake\u200b";
  const line = stderrOf(() =>
    createLog("warn")("failed", { code: "FORBIDDEN", error: new ChatError("FORBIDDEN", said) }),
  );
  expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  expect(line.at(-1)).toBe("\n");
  expect(JSON.parse(line)).toMatchObject({ level: "warn", message: "failed", code: "FORBIDDEN", error: said });
});
