import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RolldownOptions, rolldown } from "rolldown";
import config from "../../.config/rolldown.config.ts";
import { BUILT, REPOSITORY } from "./programs.ts";

/** What is published as it is. */
const UNBUILT = [
  "package.json",
  "README.md",
  "LICENSE",
  "peer/p2pchat.cjs",
  "naming-server/p2pchat-naming-server.cjs",
  "shared/launcher.cjs",
];

/**
 * Once for all tests that start programs: builds the package as it is published. Its programs start in a quarter of the
 * time that their sources take, and tests start thousands.
 */
export async function setup(): Promise<() => void> {
  const directory = mkdtempSync(join(tmpdir(), "p2pchat-built-"));
  // some tests start them as somebody else
  chmodSync(directory, 0o755);
  for (const file of UNBUILT) cpSync(join(REPOSITORY, file), join(directory, file));
  await Promise.all([config].flat().map((options) => build(options, directory)));
  process.env[BUILT] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}

async function build(options: RolldownOptions, directory: string): Promise<void> {
  const output = [options.output ?? {}].flat()[0];
  const bundle = await rolldown({ ...options, cwd: REPOSITORY, logLevel: "silent" });
  await bundle.write({ ...output, dir: join(directory, output?.dir ?? "") });
  await bundle.close();
}
