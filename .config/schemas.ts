import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "rolldown";
import { schemaFiles } from "../peer/cli/schemas/json-schema.ts";

const DIRECTORY = "schemas";

/** Writes the JSON Schemas of everything that `--json` prints beside the directories of the programs. */
export function schemas(): Plugin {
  return {
    name: "schemas",
    writeBundle({ dir = "." }) {
      const directory = join(dirname(dir), DIRECTORY);
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      for (const [name, text] of schemaFiles()) writeFileSync(join(directory, name), text);
    },
  };
}
