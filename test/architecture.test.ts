import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/*
 * Who may import whom. A part is a folder; `peer` stands for the files right in it, which put the program together.
 */

const PARTS: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  "naming-server": ["shared"],
  "peer/messaging": ["shared"],
  "peer/sessions": ["shared", "peer/messaging"],
  "peer/contacts": ["shared", "peer/messaging"],
  "peer/naming": ["shared", "peer/messaging"],
  "peer/history": ["shared", "peer/messaging"],
  "peer/network": ["shared", "peer/messaging"],
  "peer/relay": ["shared", "peer/messaging", "peer/history"],
  "peer/identity": ["shared"],
  "peer/daemon": ["shared", "peer/messaging"],
  "peer/cli": ["shared", "peer/messaging", "peer/daemon"],
  "peer/sdk": ["shared", "peer/messaging", "peer/daemon", "peer/cli"],
  "peer/sandbox": ["shared", "peer/messaging", "peer/sdk"],
  peer: [
    "shared",
    "peer/cli",
    "peer/contacts",
    "peer/history",
    "peer/identity",
    "peer/messaging",
    "peer/naming",
    "peer/network",
    "peer/relay",
    "peer/sandbox",
    "peer/sdk",
    "peer/sessions",
  ],
};

/** What implements or calls the rules knows them by their types alone. */
const TYPES_ONLY = new Set(Object.keys(PARTS).filter((part) => part.startsWith("peer/") && part !== "peer/messaging"));

/** Where each package is at home, a part or a folder; a package that is not listed may not be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  libp2p: ["peer/network"],
  "@libp2p/*": ["peer/network"],
  "@chainsafe/*": ["peer/network"],
  "@multiformats/multiaddr": ["peer/network", "shared"],
  multiformats: ["shared"],
  "ts-mls": ["peer/sessions"],
  uqr: ["peer/cli"],
  yargs: ["peer/cli"],
  express: ["naming-server"],
  pg: ["naming-server/storage"],
  pino: ["naming-server"],
  jose: ["shared", "naming-server"],
  cborg: ["shared", "peer/history"],
  zod: [
    "shared",
    "naming-server",
    "peer/daemon",
    "peer/identity",
    "peer/naming",
    "peer/history",
    "peer/cli/schemas",
    "peer/sandbox",
  ],
};

/** Modules of Node that only the listed parts or files may import; the others are free, except in `shared`. */
const BUILTINS: Readonly<Record<string, readonly string[]>> = {
  "node:child_process": ["peer/identity/passphrase.ts", "peer/cli/consume/run-command.ts", "peer/sandbox"],
  "node:cluster": [],
  "node:dgram": ["peer/network/nearby/upnp-gateway.ts"],
  "node:inspector": ["naming-server/harden.ts"],
  "node:net": [
    "peer/daemon",
    "peer/network",
    "peer/sandbox",
    "naming-server",
    "peer/naming",
    "peer/contacts",
    "shared",
  ],
  "node:repl": [],
  "node:sqlite": ["peer/history", "peer/identity", "naming-server", "peer"],
  "node:vm": [],
  "node:worker_threads": [],
};

/** What is pure of Node: computing, no input or output. */
const SHARED_BUILTINS = new Set(["node:crypto", "node:net", "node:util"]);

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const IMPORT = /^(?:import|export)\s+([\w*{][^;"=()]*?)\s+from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

type Import = { readonly file: string; readonly part: string; readonly target: string; readonly isType: boolean };

const FILES = ["shared", "naming-server", "peer"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`),
);
const IMPORTS = FILES.flatMap(importsOf);

function importsOf(file: string): Import[] {
  return [...readFileSync(join(ROOT, file), "utf8").matchAll(IMPORT)].map(([, clause = "", named, bare, onDemand]) => ({
    file,
    part: partOf(file),
    target: resolve(file, named ?? bare ?? onDemand ?? ""),
    isType: clause.startsWith("type "),
  }));
}

function resolve(file: string, target: string): string {
  return target.startsWith(".") ? normalize(join(dirname(file), target)) : target;
}

function partOf(file: string): string {
  const [top = "", second = ""] = file.split("/");
  return top === "peer" && file.split("/").length > 2 ? `peer/${second}` : top;
}

const isOurs = ({ target }: Import) => target.endsWith(".ts");
const isBuiltin = ({ target }: Import) => target.startsWith("node:");
const isPackage = (found: Import) => !isOurs(found) && !isBuiltin(found) && found.target !== "package.json";

function homesOf(target: string): readonly string[] {
  const [scope = "", name = ""] = target.split("/");
  return PACKAGES[scope.startsWith("@") ? `${scope}/${name}` : scope] ?? PACKAGES[`${scope}/*`] ?? [];
}

function listed(imports: readonly Import[]): string[] {
  return imports.map(({ file, target }) => `${file} imports ${target}`);
}

test("the tree has imports to check", () => {
  expect(FILES.length).toBeGreaterThan(100);
  expect(IMPORTS.filter(isOurs).length).toBeGreaterThan(300);
  expect([...new Set(IMPORTS.map(({ part }) => part))].sort()).toEqual(Object.keys(PARTS).sort());
});

describe("no part imports", () => {
  test("a part that it may not know", () => {
    const wrong = IMPORTS.filter(isOurs).filter(({ part, target }) => {
      return partOf(target) !== part && !PARTS[part]?.includes(partOf(target));
    });
    expect(listed(wrong)).toEqual([]);
  });

  test("more than the types of the rules", () => {
    const wrong = IMPORTS.filter(isOurs).filter(({ part, target, isType }) => {
      return TYPES_ONLY.has(part) && partOf(target) === "peer/messaging" && !isType;
    });
    expect(listed(wrong)).toEqual([]);
  });

  test("a package outside the package's home", () => {
    const wrong = IMPORTS.filter(isPackage).filter(({ file, part, target }) => {
      return !homesOf(target).some((home) => home === part || file.startsWith(`${home}/`));
    });
    expect(listed(wrong)).toEqual([]);
  });

  test("a module of Node that is kept to few", () => {
    const wrong = IMPORTS.filter(isBuiltin).filter(({ part, file, target }) => {
      const allowed = BUILTINS[target];
      return allowed !== undefined && !allowed.includes(part) && !allowed.includes(file);
    });
    expect(listed(wrong)).toEqual([]);
  });
});

test("what both programs share neither reads nor writes, and knows no clock or environment", () => {
  const wrong = IMPORTS.filter(({ part }) => part === "shared").filter(
    (found) => isBuiltin(found) && !SHARED_BUILTINS.has(found.target),
  );
  expect(listed(wrong)).toEqual([]);
  const impure = FILES.filter((file) => partOf(file) === "shared").filter((file) =>
    /\b(?:Date\.now|new Date\(\)|process\.env|Math\.random|performance\.now|setTimeout)\b/.test(source(file)),
  );
  expect(impure).toEqual([]);
});

test("nothing is evaluated from text, and modules are named where they are imported", () => {
  const wrong = FILES.filter((file) => /\beval\(|new Function\(|\brequire\(|\bimport\((?!")/.test(source(file)));
  expect(wrong).toEqual([]);
});

test("only the program itself ends the process", () => {
  const wrong = FILES.filter((file) => /\bprocess\.(?:exit|abort)\(/.test(source(file)));
  expect(wrong.filter((file) => !["peer/main.ts", "naming-server/main.ts"].includes(file))).toEqual([]);
});

function source(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Beside these only what begins with a dot, and what is made and ignored. */
const TOP_LEVEL = [
  "LICENSE",
  "README.md",
  "bench",
  "docs",
  "naming-server",
  "package-lock.json",
  "package.json",
  "peer",
  "shared",
  "test",
  "tsconfig.json",
];
const MADE = ["coverage", "dist", "node_modules"];

test("the top level holds what a newcomer looks for, and nothing else", () => {
  const found = readdirSync(ROOT).filter((name) => !name.startsWith(".") && !MADE.includes(name));
  expect(found.sort()).toEqual(TOP_LEVEL);
});
