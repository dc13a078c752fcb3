import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type RolldownOptions, rolldown } from "rolldown";
import config from "../../.config/rolldown.config.ts";
import { REPOSITORY } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const UNBUILT = [
  "package.json",
  "README.md",
  "LICENSE",
  "peer/p2pchat.cjs",
  "naming-server/p2pchat-naming-server.cjs",
  "shared/launcher.cjs",
];

/**
 * A project of somebody else, with the packed package as its only dependency: what is published needs no other. The answer
 * is the project's directory.
 */
export async function projectWithPackage(): Promise<string> {
  const project = temporaryDirectory();
  const installed = join(project, "node_modules", "p2pchat");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "bot", type: "module", private: true }));
  execFileSync("tar", ["-xzf", await packedPackage(), "-C", installed, "--strip-components=1"]);
  return project;
}

/** Builds and packs elsewhere, so that nobody's `dist` changes. */
async function packedPackage(): Promise<string> {
  const root = temporaryDirectory();
  for (const file of UNBUILT) cpSync(join(REPOSITORY, file), join(root, file));
  for (const options of [config].flat() as RolldownOptions[]) {
    const output = [options.output ?? {}].flat()[0];
    const dir = join(root, "dist", basename(output?.dir ?? ""));
    mkdirSync(dirname(dir), { recursive: true });
    const bundle = await rolldown({ ...options, cwd: REPOSITORY, logLevel: "silent" });
    await bundle.write({ ...output, dir });
    await bundle.close();
  }
  const answer = execFileSync("npm", ["pack", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" });
  const [{ filename }] = JSON.parse(answer) as [{ filename: string }];
  return join(root, filename);
}
