import { describe, expect, test } from "vitest";
import { completionsOf, ORDERS_HELP, parseOrder, VERBS } from "../../../../peer/cli/sandbox/orders.ts";

describe("an order", () => {
  test.each([
    ["help", { verb: "help" }],
    ["  status ", { verb: "status" }],
    ["quit", { verb: "quit" }],
    ["stop bob", { verb: "stop", name: "bob" }],
    ["start server", { verb: "start", name: "server" }],
    ["kill relay1", { verb: "kill", name: "relay1" }],
    ["freeze bob", { verb: "freeze", name: "bob" }],
    ["thaw\tbob", { verb: "thaw", name: "bob" }],
    ["cut alice bob", { verb: "cut", a: "alice", b: "bob" }],
    ["cut alice", { verb: "cut", a: "alice" }],
    ["drop alice bob", { verb: "drop", a: "alice", b: "bob" }],
    ["delay alice bob 200ms", { verb: "delay", a: "alice", b: "bob", delayMs: 200 }],
    ["delay alice 1s", { verb: "delay", a: "alice", delayMs: 1000 }],
    ["throttle alice bob 10kB", { verb: "throttle", a: "alice", b: "bob", bytesPerSecond: 10_000 }],
    ["throttle alice 5B/s", { verb: "throttle", a: "alice", bytesPerSecond: 5 }],
    ["heal", { verb: "heal" }],
    ["heal alice", { verb: "heal", a: "alice" }],
    ["heal alice bob", { verb: "heal", a: "alice", b: "bob" }],
    ["send alice bob two  words ", { verb: "send", from: "alice", to: "bob", text: "two  words " }],
    ["wait 1m", { verb: "wait", ms: 60_000 }],
  ])("%j is understood", (line, order) => {
    expect(parseOrder(line)).toEqual(order);
  });

  test.each(["", "   ", "# a remark", "\t#"])("%j is none", (line) => {
    expect(parseOrder(line)).toBeUndefined();
  });

  test.each([
    ["Cut alice bob", /there is no order Cut; help lists them/],
    ["toString", /there is no order/],
    ["help me", /^it is: help$/],
    ["stop", /^it is: stop <name>$/],
    ["stop alice bob", /^it is: stop <name>$/],
    ["cut", /^it is: cut <name> \[name\]$/],
    ["cut alice bob carol", /^it is: cut/],
    ["heal alice bob carol", /^it is: heal/],
    ["delay alice", /^it is: delay <name> \[name\] <time>$/],
    ["delay alice bob", /delay takes a duration/],
    ["delay alice bob 200", /delay takes a duration/],
    ["delay alice bob carol 200ms", /^it is: delay/],
    ["throttle alice bob 0B", /throttle takes bytes a second/],
    ["throttle alice bob 10", /throttle takes bytes a second/],
    ["throttle alice bob", /throttle takes bytes a second/],
    ["send alice bob", /^it is: send <from> <to> <text>$/],
    ["send alice bob  ", /^it is: send/],
    ["wait", /^it is: wait <time>$/],
    ["wait long", /wait takes a duration/],
  ])("%j is refused, and it is said how it would be right", (line, message) => {
    expect(() => parseOrder(line)).toThrow(
      expect.objectContaining({ code: "USAGE", message: expect.stringMatching(message) }),
    );
  });

  test("of every kind is in the help", () => {
    for (const verb of VERBS) expect(ORDERS_HELP).toMatch(new RegExp(`^  ${verb}\\b`, "m"));
  });

  test("is completed with verbs first, and names then", () => {
    expect(completionsOf("s", ["alice"])).toEqual(["status ", "send ", "stop ", "start "]);
    expect(completionsOf("cut a", ["alice", "bob"])).toEqual(["alice "]);
    expect(completionsOf("cut alice ", ["alice", "bob"])).toEqual(["alice ", "bob "]);
  });
});
