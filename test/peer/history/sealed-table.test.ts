import { expect, test } from "vitest";
import { sealedTable } from "../../../peer/history/sealed-table.ts";
import { createSealer } from "../../../peer/history/sealer.ts";

const sealer = createSealer(new Uint8Array(32).fill(1), "00112233445566778899aabbccddeeff");

test("a sealed row gives back a text that begins with a byte order mark, as it was", () => {
  const table = sealedTable<{ text: string; replyTo?: string | undefined }>(sealer, "inbox");
  for (const text of ["\uFEFF", "\uFEFFhi", `\uFEFF\uFEFF${"x".repeat(15_000)}`]) {
    expect(table.open("1", table.seal("1", { text, replyTo: undefined }))).toEqual({ text });
  }
});
