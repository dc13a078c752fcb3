import { expect, test } from "vitest";
import { terminal } from "../../support/fake-daemon.ts";

test.each([
  ["token", "list, create, revoke, log"],
  ["contacts", "list, show, accept, set, remove, block, unblock"],
  ["outbox", "list, retry, cancel"],
  ["key", "show, audit, rotate, trust-log, change-passphrase"],
])("%s names its actions to whoever types another", async (command, actions) => {
  const { code, lines } = await terminal().run([command, "constructor", "--json"]);
  expect({ code, lines }).toEqual({
    code: 1,
    lines: [{ v: 1, type: "error", code: "USAGE", message: `unknown action "constructor": ${actions}` }],
  });
});

test("contacts takes settings with set alone, also where no action is named", async () => {
  const { code, lines } = await terminal().run(["contacts", "--expire", "1d", "--json"]);
  expect({ code, lines }).toMatchObject({
    code: 1,
    lines: [{ code: "USAGE", message: expect.stringContaining("go with contacts set") }],
  });
});
