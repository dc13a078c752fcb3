import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RolldownOptions, rolldown } from "rolldown";
import config from "../../.config/rolldown.config.ts";
import { BUILT, REPOSITORY } from "./programs.ts";

/**
 * Once for all tests that start programs: builds them as they are published. They start in a quarter of the time that
 * their sources take, and tests start thousands.
 */
export async function setup(): Promise<() => void> {
  const directory = mkdtempSync(join(tmpdir(), "p2pchat-built-"));
  // some tests start them as somebody else
  chmodSync(directory, 0o755);
  // they look up their version in it
  copyFileSync(join(REPOSITORY, "package.json"), join(directory, "package.json"));
  await Promise.all(
    [config]
      .flat()
      .filter(isProgram)
      .map((options) => build(options, directory)),
  );
  process.env[BUILT] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}

const isProgram = ({ input }: RolldownOptions) => typeof input === "object" && "main" in input;

async function build(options: RolldownOptions, directory: string): Promise<void> {
  const output = [options.output ?? {}].flat()[0];
  const bundle = await rolldown({ ...options, cwd: REPOSITORY, logLevel: "silent" });
  await bundle.write({ ...output, dir: join(directory, output?.dir ?? "") });
  await bundle.close();
}
