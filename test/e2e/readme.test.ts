import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../peer/sandbox/launch.ts";
import { Program } from "../support/program.ts";
import { PROGRAMS, REPOSITORY } from "../support/programs.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const README = readFileSync(join(REPOSITORY, "README.md"), "utf8");

/** The shell block that is marked with the name of its terminal. */
function terminal(name: string): string {
  const [, block] = new RegExp(`<!-- terminal: ${name} -->\n\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(README) ?? [];
  if (block === undefined) throw new Error(`the README has no block for the terminal of ${name}`);
  return block;
}

/** A home with both commands on its PATH, as after `npm install -g .`. */
async function newMachine() {
  const directory = temporaryDirectory();
  const commands = join(directory, "bin");
  mkdirSync(commands);
  for (const [name, program] of [
    ["p2pchat", PROGRAMS.p2pchat],
    ["p2pchat-naming-server", PROGRAMS.namingServer],
  ] as const) {
    const path = join(commands, name);
    writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    chmodSync(path, 0o755);
  }
  // The reader's port 8080 may be in use here.
  const port = String(await freePort());
  const env = {
    PATH: `${commands}:${process.env["PATH"]}`,
    HOME: directory,
    PORT: port,
    NODE_COMPILE_CACHE: PROGRAMS.codeCache,
  };
  const shell = (script: string, wait = "") => {
    const text = script.replaceAll("8080", port);
    return new Program(["bash", "-c", `set -e\n${text}${wait}`], { directory, env });
  };
  return { directory, shell };
}

test("the two minutes of the README work as they are written", async () => {
  const { directory, shell } = await newMachine();
  const server = shell(terminal("server").replace("p2pchat-naming-server", "exec p2pchat-naming-server"));
  await server.until(() => server.stdout.includes("listening on"));
  const bob = shell(terminal("bob").replace(/^(.* listen)$/m, "exec $1"));
  await bob.until(() => bob.stderr.includes("listening as bob"));
  const alice = await shell(terminal("alice")).outcome();
  expect(alice).toMatchObject({ code: 0, stderr: "" });
  expect(alice.stdout).toMatch(/delivered to bob \([0-9a-f]{32}\)/);
  await bob.until(() => bob.stdout.includes("from a script"));
  expect(bob.stdout.trim().split("\n").slice(-2)).toEqual([
    expect.stringMatching(/ alice: hi$/),
    expect.stringMatching(/ alice: from a script$/),
  ]);
  expect(alice.stdout.trim().split("\n").slice(-2)).toEqual([
    expect.stringMatching(/ alice: hi$/),
    expect.stringMatching(/ alice: from a script$/),
  ]);
  expect(readFileSync(join(directory, "naming.db")).length).toBeGreaterThan(0);
});

test("its script tells apart what the exit codes mean", async () => {
  const { directory, shell } = await newMachine();
  const server = shell(terminal("server").replace("p2pchat-naming-server", "exec p2pchat-naming-server"));
  await server.until(() => server.stdout.includes("listening on"));
  const [register = "", listen = ""] = terminal("bob").split("\n");
  await shell(`${register}\n${register.replaceAll("bob", "alice")}`).outcome();
  writeFileSync(join(directory, "report.txt"), "all is well\n");
  const [, script = ""] = /```sh\n(p2pchat send bob --json[\s\S]*?esac\n)```/.exec(README) ?? [];
  expect(script).not.toBe("");
  const run = (changed: string) => shell(`export P2PCHAT_PROFILE=alice\nset +e\n${changed}`).outcome();
  const offline = await run(script.replace("30s", "5s"));
  expect(offline.stdout).toContain("it will reach bob later");
  const bob = shell(`exec ${listen.trim()}`);
  await bob.until(() => bob.stderr.includes("listening as bob"));
  const delivered = await run(script);
  expect(delivered.stdout).toContain("bob has it");
  await bob.until(() => bob.stdout.includes("all is well"));
  expect(delivered.lines).toMatchObject([{ type: "send", to: "bob", state: "stored" }]);
  expect(bob.stdout.match(/all is well/g)).toHaveLength(1);
});

test("every command and option it shows exists, and --help says so without a profile", async () => {
  const { directory, shell } = await newMachine();
  const commands = [...README.matchAll(/^\| `([a-z]+)[^|]*\|/gm)].flatMap(([row]) =>
    [...row.matchAll(/`([a-z]+)(?: [^`]*)?`/g)].map(([, name]) => name),
  );
  const verbs = [...new Set(commands)].filter(
    (name) => !["retry", "cancel", "show", "remove", "block", "unblock"].includes(name ?? ""),
  );
  expect(verbs.length).toBeGreaterThan(8);
  const help = await shell("p2pchat --help").outcome();
  for (const verb of verbs) expect(help.stdout).toMatch(new RegExp(`\\b${verb}\\b`));
  const each = await Promise.all(verbs.map((verb) => shell(`p2pchat ${verb} --help`).outcome()));
  expect(each.map(({ code, stderr }) => [code, stderr])).toEqual(verbs.map(() => [0, ""]));
  expect(spawnSync("ls", ["-A", directory], { encoding: "utf8" }).stdout.trim()).toBe("bin");
});
