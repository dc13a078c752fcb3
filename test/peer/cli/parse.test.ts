import { describe, expect, test } from "vitest";
import type { Args, Command } from "../../../peer/cli/command.ts";
import { parseCommandLine } from "../../../peer/cli/parse.ts";
import { expectError } from "../../support/expect-error.ts";

function command(usage: string, more: Partial<Command> = {}): Command {
  return { usage, summary: "does something", run: async () => 0, ...more };
}

const COMMANDS = [
  command("tell <to> [message]", {
    options: { wait: { value: "STATE", describe: "until then" }, "no-seal": { describe: "unsealed" } },
  }),
  command("check <contact> [number..]"),
  command("list", { options: { notify: { value: "WHAT", bare: "text", describe: "say so" } } }),
];

function parse(...argv: string[]) {
  return parseCommandLine(argv, { commands: COMMANDS, version: "1.2.3" });
}

function argsOf(...argv: string[]): Args {
  const parsed = parse(...argv);
  if ("help" in parsed) throw new Error("help was not asked for");
  return parsed.args;
}

function told(...argv: string[]): (string | undefined)[] {
  const args = argsOf("tell", ...argv);
  return [args.value("to"), args.value("message")];
}

test("a command that is not there, and a text without quotes, are named", async () => {
  const complaint = (...argv: string[]) => {
    try {
      return parse(...argv);
    } catch (error) {
      return error;
    }
  };
  const usage = (message: string) => expect.objectContaining({ code: "USAGE", message });
  expect(complaint("tel", "bob", "hi")).toEqual(usage("there is no command tel"));
  expect(complaint("--quiet", "constructor")).toEqual(usage("there is no command constructor"));
  expect(complaint("tell", "bob", "hi", "there", "you")).toEqual(
    usage("there is no place for there: put quotes around a text of several words"),
  );
  for (const words of [["bob"], ["bob", "hi"]]) {
    expect(complaint("tell", ...words, "--wait")).toEqual(usage("not enough arguments following: wait"));
  }
  expect(complaint("list", "more")).toEqual(usage("unknown argument: more"));
});

describe("positionals", () => {
  test("stay text, whatever they look like", () => {
    expect(told("0x10", "1e3")).toEqual(["0x10", "1e3"]);
    expect(told("007", "true")).toEqual(["007", "true"]);
    expect(told("1234567890123456789012345678901", "")).toEqual(["1234567890123456789012345678901", ""]);
  });

  test("are text where the parser has a use for the word", () => {
    expect(told("bob", "help")).toEqual(["bob", "help"]);
    expect(told("help", "version")).toEqual(["help", "version"]);
    expect(told("help", "--quiet", "help")).toEqual(["help", "help"]);
    expect(argsOf("check", "bob", "help").values("number")).toEqual(["help"]);
  });

  test("behind -- are text even where they begin with dashes", () => {
    expect(told("bob", "--", "--json")).toEqual(["bob", "--json"]);
    expect(told("bob", "--", "-5")).toEqual(["bob", "-5"]);
    expect(told("--", "bob", "--")).toEqual(["bob", "--"]);
    expect(told("bob", "--", "--help")).toEqual(["bob", "--help"]);
  });

  test("may be a lone dash, on either side of --", () => {
    expect(told("bob", "-")).toEqual(["bob", "-"]);
    expect(told("bob", "--", "-")).toEqual(["bob", "-"]);
  });

  test("that repeat are kept apart and as they are", () => {
    expect(argsOf("check", "bob", "00123", "45678").values("number")).toEqual(["00123", "45678"]);
    expect(argsOf("check", "bob").values("number")).toEqual([]);
  });

  test.each(["a=b", "*", "a b", "it's", "naïve", "\u202e", "__proto__", "constructor"])("such as %j pass", (text) => {
    expect(told("bob", text)).toEqual(["bob", text]);
  });
});

describe("options", () => {
  test("may stand anywhere, with their value behind a space or an equals sign", () => {
    const options = ["--json", "--wait=queued", "--profile", "007"];
    for (const argv of [
      [...options, "tell", "bob", "hi"],
      ["tell", "bob", "hi", ...options],
    ]) {
      const parsed = parse(...argv);
      expect(parsed).toMatchObject({ flags: { json: true, wait: "queued", profile: "007" } });
    }
  });

  test("whose name begins with no- are plain names", () => {
    expect(argsOf("tell", "bob", "--no-seal").flag("no-seal")).toBe(true);
    expect(argsOf("tell", "bob").flag("no-seal")).toBe(false);
  });

  test("take a value that looks like an option behind an equals sign", () => {
    expect(argsOf("tell", "bob", "--wait=--json").value("wait")).toBe("--json");
  });
});

describe("refused as USAGE:", () => {
  test.each([
    ["no command", []],
    ["an unknown command", ["shout", "bob"]],
    ["the beginning of a command", ["tel", "bob"]],
    ["a missing positional", ["tell"]],
    ["one positional too many", ["tell", "bob", "hi", "there"]],
    ["one positional too many behind --", ["tell", "bob", "hi", "--", "there"]],
    ["an unknown option", ["tell", "bob", "--loud"]],
    ["the beginning of an option", ["tell", "bob", "--js"]],
    ["an option of another command", ["list", "--wait", "queued"]],
    ["another spelling of an option", ["tell", "bob", "--noSeal"]],
    ["the negation of an option", ["tell", "bob", "--no-json"]],
    ["a path into an option", ["tell", "bob", "--json.x=1"]],
    ["an option with one dash", ["-json", "list"]],
    ["a negative number", ["tell", "bob", "-5"]],
    ["clustered letters", ["tell", "bob", "-xyz"]],
    ["an option given twice", ["list", "--profile", "a", "--profile", "b"]],
    ["a switch given twice", ["list", "--json", "--json"]],
    ["a switch with a value", ["list", "--json=false"]],
    ["an option without its value", ["list", "--profile"]],
    ["an option with an empty value", ["list", "--profile="]],
    ["an option that would swallow the next", ["tell", "bob", "--wait", "--json"]],
    ["__proto__ as an option", ["list", "--__proto__=x"]],
  ])("%s", async (_what, argv) => {
    await expectError(() => parse(...argv), "USAGE");
  });
});

describe("an option", () => {
  test.each(["help", "-"])("keeps %j as its value", (value) => {
    const parsed = parse("list", "--notify=text", "--profile", value);
    expect("flags" in parsed && parsed.flags["profile"]).toBe(value);
    expect(argsOf("tell", "bob", "hi", "--wait", value).value("wait")).toBe(value);
  });

  test.each(["--get-yargs-completions", "--$0", "--_"])("that is the parser's own is unknown: %s", async (option) => {
    await expectError(() => parse("list", option, "x"), "USAGE");
    await expectError(() => parse("list", `${option}=x`), "USAGE");
    expect(told("bob", "--", option)).toEqual(["bob", option]);
  });

  test.each(["--help=no", "--version=false", "--help="])(
    "that takes no value is refused with one: %s",
    async (option) => {
      await expectError(() => parse("tell", "bob", "hi", option), "USAGE");
    },
  );
});

describe("help", () => {
  test("may be asked for as a word too", () => {
    expect(parse("help")).toEqual(parse("--help"));
    expect(parse("help", "tell")).toEqual(parse("tell", "--help"));
  });

  test("names every command and every global option, in ASCII", () => {
    const parsed = parse("--help");
    const help = "help" in parsed ? parsed.help : "";
    for (const word of ["tell <to> [message]", "check", "list", "--profile", "--json", "P2PCHAT_SERVER"]) {
      expect(help).toContain(word);
    }
    expect(help).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test("of a command shows its own options", () => {
    const parsed = parse("tell", "--help");
    expect("help" in parsed && parsed.help).toContain("STATE: until then");
  });

  test("is given for -h, and the version for --version, whatever the language", () => {
    expect(parse("-h")).toHaveProperty("help");
    expect(parse("--version")).toEqual({ help: "1.2.3" });
  });
});

describe("an option that may stand bare", () => {
  const notified = (...argv: string[]) => argsOf("list", ...argv).value("notify");

  test("means what it says without a value, takes one by = only, and is absent otherwise", () => {
    expect(notified("--notify")).toBe("text");
    expect(notified("--notify=names")).toBe("names");
    expect(notified()).toBeUndefined();
  });

  test("does not take the next word", async () => {
    await expectError(async () => notified("--notify", "names"), "USAGE");
    await expectError(async () => notified("--notify", "--notify=names"), "USAGE");
  });

  test("is text behind --", () => {
    expect(told("bob", "--", "--notify")).toEqual(["bob", "--notify"]);
  });
});
