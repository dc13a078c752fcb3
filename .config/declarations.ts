import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Plugin } from "rolldown";
import { isolatedDeclarationSync } from "rolldown/experimental";

const DIRECTORY = "types";
const IMPORT = /(?<=\bfrom ")(\.[^"]+)\.ts(?=")/g;

/** The declarations of a module and of all that they refer to, by path. */
function declarationsOf(entry: string, root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string) => {
    if (found.has(path)) return;
    const { code, errors } = isolatedDeclarationSync(path, readFileSync(join(root, path), "utf8"));
    if (errors.length > 0) throw new Error(`${path} has no declarations: ${errors[0]?.message}`);
    const targets = [...code.matchAll(IMPORT)].map(([, target]) => normalize(join(dirname(path), `${target}.ts`)));
    found.set(path, code.replaceAll(IMPORT, "$1.js"));
    for (const target of targets) visit(target);
  };
  visit(entry);
  return found;
}

/** Writes the types of a library beside its chunks. */
export function declarations(entry: string): Plugin {
  let root = ".";
  return {
    name: "declarations",
    options: ({ cwd = "." }) => {
      root = cwd;
      return null;
    },
    writeBundle({ dir = "." }) {
      for (const [path, text] of declarationsOf(entry, root)) {
        const file = join(dir, DIRECTORY, path.replace(/\.ts$/, ".d.ts"));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    },
  };
}
