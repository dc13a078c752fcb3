import { expect, test } from "vitest";
import { parseDuration } from "../../../peer/cli/duration.ts";
import { expectError } from "../../support/expect-error.ts";

test.each([
  ["500ms", 500],
  ["10s", 10_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["0s", 0],
  ["24h", 86_400_000],
])("reads %s", (text, milliseconds) => {
  expect(parseDuration(text, "--timeout")).toBe(milliseconds);
});

test.each(["", "10", "10 s", "1.5s", "-1s", "1d", "25h", "s", "1e3s", "0x10s", "10S", "10s\n", "9999999999s"])(
  "refuses %j and names the option",
  async (text) => {
    const { message } = await expectError(() => parseDuration(text, "--timeout"), "USAGE");
    expect(message).toContain("--timeout");
  },
);
