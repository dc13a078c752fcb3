import { join } from "node:path";
import { type RolldownOptions, rolldown } from "rolldown";
import config from "../../.config/rolldown.config.ts";
import { REPOSITORY } from "./p2pchat.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** Builds `p2pchat` as it is published, which is lighter than its sources; the path of the program. */
export async function buildProgram(): Promise<string> {
  const [options] = [config].flat() as RolldownOptions[];
  const dir = join(temporaryDirectory(), "dist");
  const bundle = await rolldown({ ...options, cwd: REPOSITORY, logLevel: "silent" });
  await bundle.write({ ...[options?.output ?? {}].flat()[0], dir });
  await bundle.close();
  return join(dir, "main.cjs");
}
