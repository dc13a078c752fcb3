import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { createOutput } from "../../../peer/cli/output.ts";
import { ChatError } from "../../../shared/errors.ts";

type Rig = {
  readonly isTTY?: boolean;
  readonly env?: Record<string, string>;
  readonly json?: boolean;
  readonly quiet?: boolean;
};

function rig({ isTTY = false, env = {}, json = false, quiet = false }: Rig = {}) {
  const [stdout, stderr] = [Object.assign(new PassThrough(), { isTTY }), new PassThrough()];
  const output = createOutput({ stdout, stderr, env }, { json, quiet });
  return { output, stdout, stderr };
}

const RESULT = { type: "send", fields: { id: "x" }, text: "delivered" };

describe("a result", () => {
  test("is text for people", async () => {
    const { output, stdout } = rig();
    expect(await output.print(RESULT)).toBe(true);
    expect(String(stdout.read())).toBe("delivered\n");
  });

  test("is one line of JSON for programs, version and type first", async () => {
    const { output, stdout } = rig({ json: true });
    await output.print(RESULT);
    expect(String(stdout.read())).toBe('{"v":1,"type":"send","id":"x"}\n');
  });

  test("without text leaves no empty line", async () => {
    const { output, stdout } = rig();
    await output.print({ ...RESULT, text: "" });
    expect(String(stdout.read() ?? "")).toBe("");
  });

  test("that nobody reads is known to be lost", async () => {
    const { output, stdout } = rig();
    stdout.destroy();
    expect(await output.print(RESULT)).toBe(false);
  });
});

describe("colour", () => {
  test("is for terminals", () => {
    expect(rig({ isTTY: true }).output.strong("bob")).toBe("\x1b[1mbob\x1b[22m");
    expect(rig().output.strong("bob")).toBe("bob");
  });

  test.each([{ NO_COLOR: "1" }, { TERM: "dumb" }])("is left out with %j", (env) => {
    expect(rig({ isTTY: true, env }).output.strong("bob")).toBe("bob");
  });

  test("is not left out for an empty NO_COLOR", () => {
    expect(rig({ isTTY: true, env: { NO_COLOR: "" } }).output.strong("bob")).not.toBe("bob");
  });
});

test("progress is one line of a terminal that the next replaces, and is left out anywhere else", () => {
  const shown = (isTTY: boolean, quiet: boolean) => {
    const stderr = Object.assign(new PassThrough(), { isTTY });
    const output = createOutput({ stdout: new PassThrough(), stderr, env: {} }, { json: false, quiet });
    return ["1/2", ""].map((text) => {
      output.progress(text);
      return String(stderr.read() ?? "");
    });
  };
  expect(shown(true, false)).toEqual(["\r\x1b[K1/2", "\r\x1b[K"]);
  expect([shown(false, false), shown(true, true)]).toEqual(Array(2).fill(["", ""]));
});

test("talk goes to stderr, and --quiet silences it, but not errors", async () => {
  const loud = rig();
  loud.output.note("waiting");
  expect(String(loud.stderr.read())).toBe("waiting\n");
  const { output, stdout, stderr } = rig({ quiet: true });
  output.note("waiting");
  expect(stderr.read()).toBeNull();
  await output.error(new ChatError("NAME_UNKNOWN", "nobody is called bob"));
  expect(String(stderr.read())).toBe("p2pchat: nobody is called bob\nCheck the spelling and the naming server.\n");
  expect(stdout.read()).toBeNull();
});

test("an error about a superseded copy gives no advice about its place", async () => {
  const { output, stderr } = rig();
  await output.error(new ChatError("PROFILE_UNSAFE", "another copy has taken its place", { reason: "superseded" }));
  expect(String(stderr.read())).toBe(
    "p2pchat: another copy has taken its place\nThis profile is not used until that is put right.\n",
  );
});

test("an error's text cannot act on the terminal", async () => {
  const { output, stderr } = rig();
  const details = { oldFingerprint: "\x1b[2J", newFingerprint: "b" };
  await output.error(new ChatError("KEY_CHANGED", "changed\x1b[2J\nbob: pay", { details }));
  const lines = String(stderr.read()).split("\n");
  expect(lines.slice(0, 3)).toEqual([
    "p2pchat: changed<U+001B>[2J<U+000A>bob: pay",
    "  pinned: <U+001B>[2J",
    "  now:    b",
  ]);
});
