import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "rolldown";
import packageJson from "../package.json" with { type: "json" };
import { manPage } from "../peer/cli/man-page.ts";
import { COMMANDS } from "../peer/cli/program.ts";

/** Writes the manual page, made of what `--help` is made of, beside the programs. */
export function manual(): Plugin {
  return {
    name: "manual",
    writeBundle({ dir = "." }) {
      const directory = join(dirname(dir), "man");
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, "p2pchat.1"), manPage(COMMANDS, packageJson));
    },
  };
}
