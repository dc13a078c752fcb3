import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** Where `build-programs.ts` has put the package as it is published; without it, sources are started. */
export const BUILT = "TESTED_PROGRAMS";

/** Paths of what tests start. */
export const PROGRAMS = {
  get p2pchat() {
    return built("dist/p2pchat/main.cjs") ?? join(REPOSITORY, "peer/main.ts");
  },
  get namingServer() {
    return built("dist/naming-server/main.js") ?? join(REPOSITORY, "naming-server/main.ts");
  },
  /** Compiled code is shared by all that start a program: it halves the time that it takes to start. */
  get codeCache() {
    return built("code") ?? join(REPOSITORY, "node_modules/.cache/p2pchat-e2e");
  },
} as const;

/** The directory of the package as it is published. */
export function builtPackage(): string {
  const directory = built("");
  if (directory === undefined) throw new Error("the package is built for tests of programs only");
  return directory;
}

function built(path: string): string | undefined {
  const directory = process.env[BUILT];
  return directory === undefined ? undefined : join(directory, path);
}
