import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askNewPassphrase, askPassphrase } from "../../../peer/identity/passphrase.ts";
import { canOpenTerminals } from "../../support/capabilities.ts";
import { runScript, startCommand } from "../../support/child-process.ts";
import { expectError } from "../../support/expect-error.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const SCRIPT = new URL("./passphrase-script.ts", import.meta.url);

function fileWith(content: string | Uint8Array): string {
  const path = join(temporaryDirectory(), "passphrase");
  writeFileSync(path, content);
  return path;
}

describe("a passphrase from a file", () => {
  test.each([
    ["secret", "secret"],
    ["secret\n", "secret"],
    ["secret\r\n", "secret"],
    ["  sécret  \n", "  sécret  "],
  ])("%j is %j: one newline at the end is not part of it", async (content, expected) => {
    expect(await askPassphrase({ file: fileWith(content) })).toBe(expected);
    expect(await askPassphrase({ environmentFile: fileWith(content) })).toBe(expected);
    expect(await askNewPassphrase({ file: fileWith(content) })).toBe(expected);
  });

  test.each([
    ["", "PASSPHRASE_REQUIRED"],
    ["\n", "PASSPHRASE_REQUIRED"],
    ["two\nlines\n", "USAGE"],
    ["secret\n\n", "USAGE"],
    ["x".repeat(1025), "USAGE"],
    [Uint8Array.of(0xff, 0xfe), "USAGE"],
  ] as const)("is refused when it is %j", async (content, code) => {
    await expectError(askPassphrase({ file: fileWith(content) }), code);
  });

  test("is required when the file cannot be read", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "folder"));
    for (const name of ["missing", "folder"]) {
      await expectError(askPassphrase({ file: join(directory, name) }), "PASSPHRASE_REQUIRED", "file");
    }
  });

  test("is read no further than it may be long, also from a file without an end", async () => {
    await expectError(askPassphrase({ file: "/dev/zero" }), "USAGE");
  });

  test("from a flag goes before one from the environment", async () => {
    const environmentFile = fileWith("environment");
    expect(await askPassphrase({ file: fileWith("flag"), environmentFile })).toBe("flag");
    expect(await askPassphrase({ command: "echo command", environmentFile })).toBe("command");
    await expectError(askPassphrase({ file: fileWith("flag"), command: "echo command" }), "USAGE");
  });
});

describe("a passphrase from a command", () => {
  test("is the one line that it prints", async () => {
    expect(await askPassphrase({ command: "printf '%s\\n' \"a  b\" | cat" })).toBe("a  b");
  });

  test("is required when the command fails, whatever it printed", async () => {
    const error = await expectError(
      askPassphrase({ command: "echo secret; exit 3" }),
      "PASSPHRASE_REQUIRED",
      "command",
    );
    expect(`${error.message} ${String(error.cause)}`).not.toContain("secret");
  });

  test.each(["echo a; echo b", "head -c 5000 /dev/zero"])("is refused from %j", async (command) => {
    await expectError(askPassphrase({ command }), "USAGE");
  });

  test("leaves stdin to the message", async () => {
    await expectError(askPassphrase({ command: "cat" }), "PASSPHRASE_REQUIRED");
  });

  test("is waited for until somebody interrupts", async () => {
    const controller = new AbortController();
    const asking = askPassphrase({ command: "exec sleep 60", signal: controller.signal });
    controller.abort();
    await expectError(asking, "INTERRUPTED");
  });
});

describe("a passphrase from the terminal", () => {
  test("is required where there is none", async () => {
    expect(await runScript(SCRIPT, [], ["setsid", "--wait"])).toEqual({
      code: "PASSPHRASE_REQUIRED",
      reason: "no-terminal",
    });
  });

  const onTerminal = test.skipIf(!canOpenTerminals());

  onTerminal("is not shown while it is typed, and may be corrected", async () => {
    const terminal = openTerminal("existing");
    await terminal.until("Passphrase: ");
    terminal.type("secrex\x7ft\r");
    expect(JSON.parse(await terminal.until("}"))).toEqual({ passphrase: "secret" });
    expect(terminal.shown()).not.toMatch(/secre|x\W*t|\*/);
  });

  onTerminal("is asked for twice when it is new", async () => {
    const terminal = openTerminal("new");
    await terminal.until("New passphrase: ");
    terminal.type("one\r");
    await terminal.until("The same again: ");
    terminal.type("two\r");
    expect(JSON.parse(await terminal.until("}"))).toMatchObject({ code: "USAGE" });
  });

  onTerminal("is given up by Ctrl-C and by Ctrl-D", async () => {
    for (const [key, code] of [
      ["\x03", "INTERRUPTED"],
      ["\x04", "PASSPHRASE_REQUIRED"],
    ] as const) {
      const terminal = openTerminal("existing");
      await terminal.until("Passphrase: ");
      terminal.type(key);
      expect(JSON.parse(await terminal.until("}"))).toMatchObject({ code });
    }
  });
});

/** Runs the script on a pseudo-terminal of its own. */
function openTerminal(kind: string) {
  const { pathname } = SCRIPT;
  const command = `${process.execPath} ${pathname} ${kind}`;
  const child = startCommand(["script", "--quiet", "--return", "--flush", "--command", command, "/dev/null"]);
  let shown = "";
  const arrivals = child.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
  return {
    type: (keys: string) => child.stdin.write(keys),
    shown: () => shown.slice(0, shown.indexOf("{")),
    /** The last line shown, once it ends in that text. */
    async until(text: string): Promise<string> {
      while (!shown.trimEnd().endsWith(text.trimEnd())) {
        const { done, value } = await arrivals.next();
        if (done) throw new Error(`the terminal closed after: ${shown}`);
        shown += value;
      }
      return shown.trimEnd().split("\n").at(-1) ?? "";
    },
  };
}
