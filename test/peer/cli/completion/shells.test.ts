import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { HistoryMessage, OutboxItem } from "../../../../peer/messaging/operations/messages.ts";
import { terminal, terminalWithDaemon } from "../../../support/fake-daemon.ts";
import { MESSAGE } from "../../../support/fake-operations.ts";
import { hasShell, shellEnvironment, typeInShell } from "../../../support/shells.ts";

const LATER = "2026-11-20T19:00:00.000Z";

function entry(changed: Partial<HistoryMessage>): HistoryMessage {
  return { ...MESSAGE, direction: "in", ...changed };
}

function waiting(device: string): OutboxItem {
  return { id: WAITING, to: "bob", device, state: "queued", queuedAt: LATER, attempts: 1 };
}

/** A home with a daemon that knows bob, and the completion script of a shell in it. */
async function withScript(shell: string) {
  const own = await terminalWithDaemon({
    history: async () => ({ messages: [entry({}), entry({ id: OWN, direction: "out", sentAt: LATER })], older: null }),
    outboxList: async () => ({ items: [waiting("12D3KooWBob"), waiting("12D3KooWBob2")] }),
  });
  const { stdout, code } = await own.run(["completion", shell]);
  expect(code).toBe(0);
  const path = join(own.home, `completion.${shell}`);
  writeFileSync(path, stdout);
  return { ...own, path, env: shellEnvironment(own) };
}

/** Not spawnSync: the daemon answers from this very process. */
async function outputOf(command: string, args: readonly string[], env: Record<string, string>): Promise<string[]> {
  const child = spawn(command, args, { env, cwd: env["HOME"], stdio: ["ignore", "pipe", "inherit"] });
  let seen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
  });
  await new Promise((resolve) => child.once("close", resolve));
  return seen.split("\n").filter((line) => line !== "");
}

const [OWN, WAITING] = ["ab".repeat(16), "cd".repeat(16)];

/** What is offered for the last word. */
const CASES: [string[], string[]][] = [
  [["sen"], ["send"]],
  [["send", ""], ["bob"]],
  [["send", "bob", "--wait", "q"], ["queued"]],
  [["send", "--timeout", "10s", "b"], ["bob"]],
  [["send", "--tim"], ["--timeout"]],
  [["send", "bob", ""], []],
  [["send", "--", "b"], []],
  [["--json", "contacts", "bl"], ["block"]],
  [["contacts", "block", ""], ["bob"]],
  [["--profile", "default", "verify", "b"], ["bob"]],
  [["--profile", "absent", "verify", "b"], []],
  [["key", "change-passphrase", "--new-passphrase-file", "completion."], ["COMPLETION"]],
  [["presence", "of"], ["off"]],
  [["completion", "z"], ["zsh"]],
  [["listen", "--exec", "completion."], ["COMPLETION"]],
  [["send", "--batch", "completion."], ["COMPLETION"]],
  [["listen", "--api-socket", "completion."], ["COMPLETION"]],
  [
    ["listen", "--api-mode", "6"],
    ["600", "660"],
  ],
  [["token", "revoke", ""], ["backup"]],
  [["edit", ""], [OWN]],
  [["delete", ""], [OWN]],
  [
    ["react", ""],
    [OWN, MESSAGE.id],
  ],
  [["send", "bob", "--reply-to", "0"], [MESSAGE.id]],
  [["outbox", "cancel", ""], [WAITING]],
];

test.runIf(hasShell("bash"))("bash is offered commands, options, values, files and contacts", async () => {
  const { path, env } = await withScript("bash");
  // There, the equals sign is a word of its own.
  const joined: typeof CASES = [
    [["listen", "--notify", "=", "n"], ["names"]],
    [
      ["listen", "--notify", "="],
      ["text", "names", "off"],
    ],
    [["send", "bob", "--wait", "=", "q"], ["queued"]],
    [["send", "--timeout", "=", "10s", "b"], ["bob"]],
  ];
  for (const [words, offered] of [...CASES, ...joined]) {
    const line = ["p2pchat", ...words].map((word) => `'${word}'`).join(" ");
    const script = `source '${path}'; COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _p2pchat; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const expected = offered.map((word) => (word === "COMPLETION" ? "completion.bash" : word));
    expect([words, await outputOf("bash", ["-c", script], env)]).toEqual([words, expected]);
  }
});

test.runIf(hasShell("fish"))("fish is offered the same", async () => {
  const { path, env } = await withScript("fish");
  const joined: typeof CASES = [
    [["listen", "--notify=n"], ["--notify=names"]],
    [["send", "bob", "--wait=q"], ["--wait=queued"]],
  ];
  for (const [words, offered] of [...CASES, ...joined]) {
    const script = `source ${path}; complete -C "p2pchat ${words.join(" ")}"`;
    const found = (await outputOf("fish", ["--no-config", "-c", script], env)).map((line) => line.split("\t")[0]);
    const expected = offered.map((word) => (word === "COMPLETION" ? "completion.fish" : word));
    expect([words, found.toSorted()]).toEqual([words, expected.toSorted()]);
  }
});

describe("typed with the tabulator key, the name of a contact is completed", () => {
  test.runIf(hasShell("bash") && hasShell("script"))("in bash", async () => {
    const { path, env } = await withScript("bash");
    const typed = [`source ${path}\n`, "p2pchat veri\tbo\t\n", "exit\n"];
    const seen = await typeInShell("bash --norc --noprofile -i", typed, { ...env, PS1: "READY " });
    expect(seen).toContain("Compare it with bob");
  });

  test.runIf(hasShell("zsh") && hasShell("script"))("in zsh, as is the value behind an equals sign", async () => {
    const { path, env } = await withScript("zsh");
    const typed = [`autoload -U compinit; compinit -u -D; source ${path}\n`, "p2pchat listen --notify=na\t--port=x\n"];
    const seen = await typeInShell("zsh -f -i", [...typed, "exit\n"], { ...env, PS1: "READY " });
    expect(seen).toContain("--notify=names");
  });

  test.runIf(hasShell("zsh") && hasShell("script"))("in zsh", async () => {
    const { path, env } = await withScript("zsh");
    const typed = [`autoload -U compinit; compinit -u -D; source ${path}\n`, "p2pchat veri\tbo\t\n", "exit\n"];
    const seen = await typeInShell("zsh -f -i", typed, { ...env, PS1: "READY " });
    expect(seen).toContain("Compare it with bob");
  });
});

test("names are asked of a daemon only: nothing is opened, said or waited for without one", async () => {
  const { run } = terminal();
  expect(await run(["completion", "contact"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(await run(["--profile", "absent", "completion", "contact"])).toMatchObject({
    code: 0,
    stdout: "",
    stderr: "",
  });
});

test("a name that a shell could read as more than a word is not handed to one", async () => {
  const names = ["bob", "$(touch x)", "a b", "`id`", "-rf", "carol-2"].map((username) => ({ username }));
  const { run } = await terminalWithDaemon({ contactsList: async () => ({ contacts: names as never }) });
  expect((await run(["completion", "contact"])).stdout).toBe("bob\n-rf\ncarol-2\n");
});

test.runIf(hasShell("bash"))("bash runs nothing that stands in a name, whoever told it", async () => {
  const { home, path, env } = await withScript("bash");
  const hostile = ["$(touch canary)", "`touch canary`", "bob;touch canary", "$HOME", "*", "bob"];
  writeFileSync(join(home, "bin", "p2pchat"), `#!/bin/sh\ncat <<'END'\n${hostile.join("\n")}\nEND\n`);
  const script = `source '${path}'; COMP_WORDS=(p2pchat verify ''); COMP_CWORD=2; _p2pchat; printf '%s\n' "\${COMPREPLY[@]}"`;
  expect(await outputOf("bash", ["-c", script], env)).toEqual(["bob"]);
  expect(existsSync(join(home, "canary"))).toBe(false);
});

test("another shell is refused", async () => {
  const { code, lines } = await terminal().run(["completion", "tcsh", "--json"]);
  expect({ code, lines }).toMatchObject({ code: 1, lines: [{ code: "USAGE" }] });
});
