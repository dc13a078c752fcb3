import { expect, test } from "vitest";
import { localTime, parseInstant } from "../../../peer/cli/instant.ts";
import { expectError } from "../../support/expect-error.ts";

test("a moment with its zone is that moment", () => {
  expect(parseInstant("2026-11-20T18:30:00Z", "--since")).toBe("2026-11-20T18:30:00.000Z");
  expect(parseInstant("2026-11-20T18:30:00.25+01:00", "--since")).toBe("2026-11-20T17:30:00.250Z");
});

test("a day begins at midnight here, as a time without a zone is meant here", () => {
  expect(parseInstant("2026-11-20", "--since")).toBe(parseInstant("2026-11-20T00:00", "--since"));
  expect(localTime(parseInstant("2026-11-20", "--since"))).toBe("2026-11-20 00:00");
});

test.each(["", "yesterday", "2026", "2026-13-01", "20-11-2026", "2026-11-20 18:30", "1700000000"])(
  "refuses %j and names the option",
  async (text) => {
    const { message } = await expectError(() => parseInstant(text, "--since"), "USAGE");
    expect(message).toContain("--since");
  },
);

test("shows a moment in local time", () => {
  expect(localTime(new Date(2026, 0, 2, 3, 4).toISOString())).toBe("2026-01-02 03:04");
});
