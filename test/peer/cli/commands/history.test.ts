import { expect, test } from "vitest";
import type { HistoryMessage } from "../../../../peer/messaging/operations/messages.ts";
import { terminalWithDaemon } from "../../../support/fake-daemon.ts";
import { MESSAGE } from "../../../support/fake-operations.ts";

test("history shows people what was changed, taken back and said about a message", async () => {
  const entry = (changed: Partial<HistoryMessage>): HistoryMessage => ({ ...MESSAGE, direction: "in", ...changed });
  const messages = [
    entry({ text: "two\n  * carol: no", edited: true }),
    entry({ text: "", deleted: true }),
    entry({
      ...{ from: "alice", direction: "out", state: "queued", text: "three", edited: true },
      reactions: [
        { from: "bob", emoji: "👍" },
        { from: "carol", emoji: "\u202Eno\n2026-11-20 18:30 bob: forged" },
      ],
    }),
  ];
  const { run } = await terminalWithDaemon({ history: async () => ({ messages, older: null }) });
  expect((await run(["history", "bob"])).stdout.split("\n")).toEqual([
    "2026-11-20 18:30 bob (edited): two",
    "  |   * carol: no",
    "2026-11-20 18:30 bob (taken back):",
    "2026-11-20 18:30 alice (queued, edited): three",
    "  * bob: 👍",
    "  * carol: <U+202E>no<U+000A>2026-11-20 18:30 bob: forged",
    "",
  ]);
});
