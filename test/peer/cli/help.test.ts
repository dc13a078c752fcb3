import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { ADVICE } from "../../../peer/cli/advice.ts";
import { manPage } from "../../../peer/cli/man-page.ts";
import { GLOBAL_OPTIONS } from "../../../peer/cli/options.ts";
import { parseCommandLine } from "../../../peer/cli/parse.ts";
import { COMMANDS } from "../../../peer/cli/program.ts";

const parse = (argv: readonly string[]) => parseCommandLine(argv, { commands: COMMANDS, version: "0" });
const hasGroff = spawnSync("groff", ["--version"]).status === 0;

/** The arguments of p2pchat in a line for a shell: what a shell would make of quotes, up to a pipe or a redirection. */
function argumentsIn(line: string): string[] {
  const [, rest = ""] = /(?:^|\| |\(|")p2pchat (.*)$/.exec(line) ?? [];
  const words = [...rest.matchAll(/'([^']*)'|"([^"]*)"|([^\s"'|<>()]+)|([|<>)])/g)];
  const end = words.findIndex(([, , , , operator]) => operator !== undefined);
  return words.slice(0, end === -1 ? undefined : end).map(([, single, double, bare]) => single ?? double ?? bare ?? "");
}

describe.each(COMMANDS.map((command) => [command.usage.split(" ")[0] ?? "", command] as const))(
  "%s",
  (name, command) => {
    test("has an example", () => {
      expect(command.examples ?? []).not.toEqual([]);
    });

    test.each([...(command.examples ?? [])])("accepts its example %s", (line) => {
      expect(line).not.toMatch(/[\n\t]/);
      expect(parse(argumentsIn(line))).toMatchObject({ command: { usage: command.usage } });
    });

    test("says in its help what the examples do, as lines to copy", () => {
      const parsed = parse([name, "--help"]);
      if (!("help" in parsed)) throw new Error("that is no help");
      for (const [line, does] of command.examples ?? []) expect(parsed.help).toContain(`  # ${does}\n  ${line}`);
      expect(parse([name, "--version"])).toEqual({ help: "0" });
    });

    test("completes only what it takes", () => {
      const positionals = Object.keys(command.positionals ?? {});
      for (const positional of Object.keys(command.completes ?? {})) expect(positionals).toContain(positional);
    });
  },
);

test("an option takes a value in every command or in none, so that shells know which word is its value", () => {
  const all = [GLOBAL_OPTIONS, ...COMMANDS.map(({ options = {} }) => options)].flatMap((one) => Object.entries(one));
  const kinds = new Map<string, Set<boolean>>();
  for (const [name, option] of all) kinds.set(name, (kinds.get(name) ?? new Set()).add("value" in option));
  expect([...kinds].filter(([, found]) => found.size > 1).map(([name]) => name)).toEqual([]);
});

test("advice is one line, and names commands that there are", () => {
  for (const [code, advice] of Object.entries(ADVICE)) {
    expect([code, advice]).toEqual([code, expect.stringMatching(/^[A-Z][^\n]*[.)]$/)]);
    for (const [, name = ""] of advice.matchAll(/p2pchat ([a-z]+)/g)) {
      expect(COMMANDS.map(({ usage }) => usage.split(" ")[0])).toContain(name);
    }
  }
});

describe("the manual page", () => {
  const page = manPage(COMMANDS, packageJson);

  test.runIf(hasGroff)("is well formed, and holds every command, option and example as it is typed", () => {
    const { stdout, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-P-cbou", "-ww", "-rLL=400n"], {
      input: page,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const shown = stdout.replace(/ {2,}/g, " ");
    for (const { usage, options = {}, examples = [] } of COMMANDS) {
      expect(shown).toContain(`p2pchat ${usage}`);
      for (const name of Object.keys(options)) expect(shown).toContain(`--${name}`);
      for (const [line] of examples) expect(shown).toContain(line.replace(/ {2,}/g, " "));
    }
    for (const name of Object.keys(GLOBAL_OPTIONS)) expect(shown).toContain(`--${name}`);
  });

  test("takes nothing of the texts for markup", () => {
    const odd = { ...COMMANDS[0], usage: "odd", summary: ".SH gone\\fB", examples: [["'dot 👍", "x"]] as const };
    const hostile = manPage([{ run: async () => 0, ...odd }], packageJson);
    expect(hostile).toContain("\n\\&.SH gone\\efB\n");
    expect(hostile).toContain("\n\\(aqdot 👍\n".replace("👍", "\\[u1F44D]"));
  });
});
