import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OutputChunk, type RolldownOptions, rolldown } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { light } from "../.config/light.ts";
import config from "../.config/rolldown.config.ts";
import { parseCommandLine } from "../peer/cli/parse.ts";
import { COMMANDS } from "../peer/cli/program.ts";
import { startTestServer } from "./support/control-socket.ts";
import { terminal } from "./support/fake-daemon.ts";
import { Program } from "./support/program.ts";
import { temporaryDirectory } from "./support/temporary-directory.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const HEAVY = /node_modules\/(?:libp2p|@libp2p|@chainsafe|ts-mls|express|jose|zod|cborg|multiformats|@noble)\//;
/** What packages bring along and the build leaves out. */
const DECORATION =
  /node_modules\/(?:.*\/)?(?:string-width|emoji-regex|get-east-asian-width|wrap-ansi|ansi-styles|escalade|as-sha256)\//;
const PROGRAMS = [config].flat() as RolldownOptions[];

type Built = Readonly<
  Record<string, { readonly code: string; readonly modules: readonly string[]; readonly imports: readonly string[] }>
>;

/** The chunks of a program, built in memory. */
async function buildInMemory(options: RolldownOptions): Promise<Built> {
  const bundle = await rolldown({ ...options, cwd: ROOT, logLevel: "silent" });
  const { output } = await bundle.generate([options.output ?? {}].flat()[0]);
  await bundle.close();
  const chunks = output.filter((part): part is OutputChunk => part.type === "chunk");
  expect(chunks).toHaveLength(output.length);
  return Object.fromEntries(
    chunks.map(({ fileName, code, moduleIds, imports }) => [fileName, { code, modules: moduleIds, imports }]),
  );
}

/** Modules that are loaded with a chunk, before anything is imported on demand. */
function loadedWith(built: Built, entry: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(entry)) return [];
  seen.add(entry);
  const { modules = [], imports = [] } = built[entry] ?? {};
  return [...modules, ...imports.flatMap((file) => loadedWith(built, file, seen))];
}

let p2pchat: Built;

beforeAll(async () => {
  const [peer] = PROGRAMS;
  if (peer === undefined) throw new Error("nothing is built");
  p2pchat = await buildInMemory(peer);
});

test("two builds are equal byte for byte", async () => {
  const [first, second] = [
    await Promise.all(PROGRAMS.map(buildInMemory)),
    await Promise.all(PROGRAMS.map(buildInMemory)),
  ];
  expect(second).toEqual(first);
  expect(Object.keys(first[0] ?? {})).toContain("main.cjs");
  expect(Object.keys(first[1] ?? {})).toContain("main.js");
});

test("no chunk names the machine that built it, or carries a map", () => {
  for (const { code } of Object.values(p2pchat)) {
    expect(code).not.toContain(ROOT);
    expect(code).not.toContain("sourceMappingURL");
  }
});

test("the licence of every package that is bundled lies beside the programs, in an order that does not change", async () => {
  const buildOnDisk = async () => {
    const directory = temporaryDirectory();
    const modules = [];
    for (const [index, options] of PROGRAMS.entries()) {
      const bundle = await rolldown({ ...options, cwd: ROOT, logLevel: "silent" });
      const { output } = await bundle.write({ ...[options.output ?? {}].flat()[0], dir: join(directory, `${index}`) });
      await bundle.close();
      modules.push(...output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : [])));
    }
    return { modules, notices: readFileSync(join(directory, "THIRD-PARTY.txt"), "utf8") };
  };
  const { modules, notices } = await buildOnDisk();
  const directories = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []));
  expect(directories.size).toBeGreaterThan(100);
  for (const directory of directories) {
    const { name, version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    expect(notices).toContain(`\n${name} ${version} (`);
  }
  const titles = [...notices.matchAll(/^={80}\n\n(.+) \(/gm)].map(([, title]) => title);
  expect(titles).toEqual(titles.toSorted());
  expect(notices).toContain(readFileSync(join(ROOT, "node_modules/express/LICENSE"), "utf8").trim());
  expect(notices).not.toContain(ROOT);
  expect((await buildOnDisk()).notices).toBe(notices);
});

test("the library loads no heavy package before a peer is opened, and the whole of one then", async () => {
  const sdk = PROGRAMS.at(-1);
  if (sdk === undefined) throw new Error("nothing is built");
  const built = await buildInMemory(sdk);
  const everything = Object.values(built).flatMap(({ modules }) => modules);
  expect(loadedWith(built, "sdk.js").filter((id) => HEAVY.test(id))).toEqual([]);
  expect(everything.filter((id) => HEAVY.test(id))).not.toEqual([]);
  expect(everything.filter((id) => /naming-server\/|peer\/relay\/|node_modules\/(?:express|yargs)\//.test(id))).toEqual(
    [],
  );
});

test("what every command loads holds no heavy package, while the whole does", () => {
  const atStart = loadedWith(p2pchat, "main.cjs");
  const everything = Object.values(p2pchat).flatMap(({ modules }) => modules);
  expect(atStart.filter((id) => id.includes("/yargs/"))).not.toEqual([]);
  expect(atStart.filter((id) => HEAVY.test(id))).toEqual([]);
  expect(everything.filter((id) => HEAVY.test(id))).not.toEqual([]);
  expect(everything.filter((id) => DECORATION.test(id) || /naming-server\/|node_modules\/express\//.test(id))).toEqual(
    [],
  );
});

test("what opens a profile and what reaches others are a file each, the first without the second", () => {
  const fileOf = (path: string) =>
    Object.keys(p2pchat).find((file) => p2pchat[file]?.modules.includes(join(ROOT, path))) ?? path;
  const [profile, network] = [fileOf("peer/compose.ts"), fileOf("peer/network/node.ts")];
  const filesBeside = (file: string) => p2pchat[file]?.imports.filter((other) => Object.hasOwn(p2pchat, other));
  expect(filesBeside("main.cjs")).toEqual([]);
  expect(filesBeside(profile)).toEqual(["main.cjs"]);
  expect(filesBeside(network)?.toSorted()).toEqual(["main.cjs", profile].toSorted());
  const opening = loadedWith(p2pchat, profile);
  expect(opening.filter((id) => /node_modules\/(?:libp2p|@libp2p|@chainsafe|ts-mls)\//.test(id))).toEqual([]);
  // A terminal to type a passphrase at, and what only a daemon does.
  const rare = [
    "register",
    "change-passphrase",
    "identity/passphrase",
    "identity/terminal-prompt",
    "network/punching/punch",
    "network/nearby/upnp",
  ].map((path) => join(ROOT, `peer/${path}.ts`));
  const reaching = new Set(loadedWith(p2pchat, network));
  expect(rare.filter((path) => reaching.has(path))).toEqual([]);
  expect(rare.filter((path) => !existsSync(path))).toEqual([]);
});

test("help reads as that of the sources does", async () => {
  const directory = temporaryDirectory();
  const input = { parse: join(ROOT, "peer/cli/parse.ts"), program: join(ROOT, "peer/cli/program.ts") };
  const bundle = await rolldown({ input, cwd: ROOT, platform: "node", plugins: [light], logLevel: "silent" });
  await bundle.write({ dir: directory, format: "esm", entryFileNames: "[name].mjs" });
  await bundle.close();
  const built = { ...(await import(join(directory, "parse.mjs"))), ...(await import(join(directory, "program.mjs"))) };
  const names = COMMANDS.map(({ usage }) => usage.split(" ")[0] ?? "");
  for (const typed of [["--help"], ["--version"], ...names.map((name) => [name, "--help"])]) {
    const expected = parseCommandLine(typed, { commands: COMMANDS, version: "1.2.3" });
    expect(built.parseCommandLine(typed, { commands: built.COMMANDS, version: "1.2.3" })).toEqual(expected);
  }
});

describe("when it runs,", () => {
  /** An installed package, whose every loaded file is told at the end. */
  function installed() {
    const root = temporaryDirectory();
    const chunks = join(root, "dist/p2pchat");
    mkdirSync(chunks, { recursive: true });
    for (const [file, { code }] of Object.entries(p2pchat)) writeFileSync(join(chunks, file), code);
    for (const file of ["package.json", "peer/p2pchat.cjs", "shared/launcher.cjs"])
      cpSync(join(ROOT, file), join(root, file));
    const record = join(root, "loaded.json");
    const spy = join(root, "spy.cjs");
    const loaded = "{ files: Object.keys(require.cache), builtins: process.moduleLoadList }";
    writeFileSync(
      spy,
      `process.on("exit", () => require("fs").writeFileSync(${JSON.stringify(record)}, JSON.stringify(${loaded})));`,
    );
    const command = [process.execPath, "--require", spy, join(root, "peer/p2pchat.cjs")];
    const readRecord = () => JSON.parse(readFileSync(record, "utf8")) as { files: string[]; builtins: string[] };
    const chunksLoaded = () => readRecord().files.flatMap((file) => (dirname(file) === chunks ? [basename(file)] : []));
    const modulesLoaded = () => chunksLoaded().flatMap((file) => p2pchat[file]?.modules ?? []);
    const builtinsLoaded = () => readRecord().builtins.map((name) => name.replace("NativeModule ", ""));
    return { root, command, chunksLoaded, modulesLoaded, builtinsLoaded };
  }

  /** Of Node itself, with what it takes longest to load. */
  const DEAR = /^(?:assert|child_process|cluster|crypto|fs\/promises|https?|readline|sqlite|tls|worker_threads)$/;

  test("--help loads one file and no heavy package", async () => {
    const { root, command, chunksLoaded, modulesLoaded, builtinsLoaded } = installed();
    const help = new Program([...command, "--help"], { directory: root, env: { HOME: root } });
    expect(await help.outcome()).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("send <to>") });
    expect(chunksLoaded()).toEqual(["main.cjs"]);
    expect(builtinsLoaded().filter((name) => DEAR.test(name))).toEqual([]);
    expect(modulesLoaded().filter((id) => HEAVY.test(id))).toEqual([]);
    expect(modulesLoaded().filter((id) => /peer\/(?:sandbox|cli\/sandbox)\//.test(id))).toEqual([]);
  });

  test("send through a daemon loads one file and no heavy package", async () => {
    const { root, command, chunksLoaded, modulesLoaded, builtinsLoaded } = installed();
    const { home, profile } = terminal();
    await startTestServer({ directory: profile });
    const send = new Program([...command, "send", "bob", "hi"], {
      directory: root,
      env: { HOME: root, P2PCHAT_HOME: home },
    });
    expect(await send.outcome()).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("delivered") });
    expect(chunksLoaded()).toEqual(["main.cjs"]);
    expect(builtinsLoaded().filter((name) => DEAR.test(name))).toEqual([]);
    expect(modulesLoaded().filter((id) => HEAVY.test(id))).toEqual([]);
    expect(
      modulesLoaded().filter((id) => /peer\/(?:sandbox|cli\/(?:batch|consume|sandbox|schemas))\//.test(id)),
    ).toEqual([]);
  });
});

test("the package holds the built programs, their licences and launchers and what npm adds, and nothing else", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const expected =
    /^(?:dist\/[\w/.-]+\.c?js|dist\/THIRD-PARTY\.txt|dist\/man\/p2pchat\.1|dist\/(?:sdk|sandbox)\/types\/[\w/-]+\.d\.ts|dist\/schemas\/[a-z-]+\.json|package\.json|README\.md|LICENSE[\w.-]*|peer\/p2pchat\.cjs|naming-server\/p2pchat-naming-server\.cjs|shared\/launcher\.cjs)$/;
  expect(files.map(({ path }) => path)).toContain("peer/p2pchat.cjs");
  expect(files.map(({ path }) => path).filter((path) => !expected.test(path))).toEqual([]);
});

test("npm installs the commands and the manual page", () => {
  const [root, prefix] = [temporaryDirectory(), temporaryDirectory()];
  const { name, version, bin, man, files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  writeFileSync(join(root, "package.json"), JSON.stringify({ name, version, bin, man, files }));
  for (const file of [...Object.values<string>(bin), "dist/man/p2pchat.1"]) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  const options = ["--global", "--offline", "--install-links", "--ignore-scripts", "--no-audit", "--no-fund"];
  const env = { PATH: process.env["PATH"] ?? "", HOME: prefix };
  const { status, stderr } = spawnSync("npm", ["install", ...options, "--prefix", prefix, root], {
    ...{ cwd: prefix, env, encoding: "utf8" },
  });
  expect([status, stderr]).toEqual([0, ""]);
  const installed = ["bin/p2pchat", "bin/p2pchat-naming-server", "share/man/man1/p2pchat.1"];
  expect(installed.filter((file) => !existsSync(join(prefix, file)))).toEqual([]);
});
