import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builtPackage } from "./programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/**
 * A project of somebody else, with the packed package as its only dependency: what is published needs no other. The answer
 * is the project's directory.
 */
export function projectWithPackage(): string {
  const project = temporaryDirectory();
  const installed = join(project, "node_modules", "p2pchat");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "bot", type: "module", private: true }));
  execFileSync("tar", ["-xzf", packedPackage(), "-C", installed, "--strip-components=1"]);
  return project;
}

/** Packs what was built for the tests, elsewhere. */
function packedPackage(): string {
  const destination = temporaryDirectory();
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", destination];
  const answer = execFileSync("npm", args, { cwd: builtPackage(), encoding: "utf8" });
  const [{ filename }] = JSON.parse(answer) as [{ filename: string }];
  return join(destination, filename);
}
