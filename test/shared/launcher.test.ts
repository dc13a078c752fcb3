import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const LAUNCHER = fileURLToPath(new URL("../../shared/launcher.cjs", import.meta.url));

type Package = { readonly built?: boolean; readonly pinned?: boolean; readonly old?: boolean };

/** A package with a program that tells which form of it ran, with which arguments, under which Node. */
function packageWith({ built = false, pinned = false, old = false }: Package) {
  const root = temporaryDirectory();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const tell = (
    form: string,
  ) => `console.log(JSON.stringify({ form: "${form}", args: process.argv.slice(2), node: process.execPath, execArgv: process.execArgv }));
    if (process.argv[2] === "fail") process.exitCode = 7;
    if (process.argv[2] === "die") process.kill(process.pid, "SIGTERM");`;
  write("package.json", '{"type":"module"}');
  write("main.ts", `const typed: string = "x"; void typed; ${tell("source")}`);
  write(
    "start.cjs",
    `require(${JSON.stringify(LAUNCHER)}).launch({ root: __dirname, built: "dist/main.cjs", source: "main.ts" });`,
  );
  if (built) write("dist/main.cjs", tell("built"));
  write(
    "old.cjs",
    'if (process.argv0 !== "new") Object.defineProperty(process, "versions", { value: { node: "12.22.0" } });',
  );
  if (pinned) {
    mkdirSync(join(root, "node_modules/node/bin"), { recursive: true });
    symlinkSync(process.execPath, join(root, "node_modules/node/bin/node"));
  }
  const home = join(root, "home");
  mkdirSync(home);
  const run = (...args: string[]) => runWith([], ...args);
  const runWith = (nodeOptions: readonly string[], ...args: string[]) => {
    const preload = [...nodeOptions, ...(old ? ["--require", join(root, "old.cjs")] : [])];
    const env = { HOME: home, PATH: process.env["PATH"] };
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [...preload, join(root, "start.cjs"), ...args],
      {
        env,
        encoding: "utf8",
      },
    );
    return { status, signal, stderr, told: stdout === "" ? undefined : JSON.parse(stdout) };
  };
  return { root, home, run, runWith };
}

test("runs the built program with its arguments", () => {
  const { run } = packageWith({ built: true });
  expect(run("send", "--", "-x", "")).toMatchObject({
    status: 0,
    told: { form: "built", args: ["send", "--", "-x", ""] },
  });
});

test("runs the source of a checkout that is not built", () => {
  expect(packageWith({}).run("a")).toMatchObject({ status: 0, stderr: "", told: { form: "source", args: ["a"] } });
});

describe("under a Node that is too old", () => {
  test("says in one line which one it needs, and exits with 1", () => {
    const { status, stderr, told } = packageWith({ built: true, old: true }).run();
    expect({ status, told }).toEqual({ status: 1, told: undefined });
    expect(stderr).toMatch(/^p2pchat needs Node 24\.15 or newer; this is [^\n]+\n$/);
  });

  test("takes the package's own Node, with arguments and exit status", () => {
    const { root, run } = packageWith({ built: true, pinned: true, old: true });
    expect(run("fail", "x")).toMatchObject({ status: 7, told: { args: ["fail", "x"], form: "built" } });
    expect(existsSync(join(root, "node_modules/node/bin/node"))).toBe(true);
  });

  test("has the room for new objects that it was given, and no other option", () => {
    const { runWith } = packageWith({ old: true, pinned: true, built: true });
    const room = ["--min-semi-space-size=4", "--max-semi-space-size=8"];
    const { told } = runWith([...room, "--stack-size=900"]);
    expect(told.execArgv).toEqual(room);
  });

  test("ends by the signal that ended the program", () => {
    expect(packageWith({ built: true, pinned: true, old: true }).run("die")).toMatchObject({ signal: "SIGTERM" });
  });
});

describe("compiled code", () => {
  test("is kept where only its owner can write", () => {
    const { home, run } = packageWith({ built: true });
    run();
    const directory = join(home, ".cache/p2pchat/code");
    expect(lstatSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).not.toEqual([]);
  });

  test("is not taken from a directory that others can write to", () => {
    const { home, run } = packageWith({ built: true });
    const directory = join(home, ".cache/p2pchat/code");
    mkdirSync(directory, { recursive: true, mode: 0o777 });
    spawnSync("chmod", ["777", directory]);
    expect(run()).toMatchObject({ status: 0, told: { form: "built" } });
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is done without where there is no place for it", () => {
    const { home, run } = packageWith({ built: true });
    writeFileSync(join(home, ".cache"), "");
    expect(run()).toMatchObject({ status: 0, stderr: "", told: { form: "built" } });
  });
});
