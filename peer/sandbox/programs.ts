import { findPackageJSON } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Files that Node runs. */
export type Programs = {
  readonly p2pchat: string;
  readonly namingServer: string;
  /** URL of what is loaded before each of them. */
  readonly attendant: string;
};

/** Those of the package that this module belongs to: as built where it is built, else the sources. */
export function ownPrograms(): Programs {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) throw new Error("the package of this module is not there");
  const root = dirname(manifest);
  const [top] = relative(root, fileURLToPath(import.meta.url)).split(sep);
  const [p2pchat, namingServer, attendant] =
    top === "dist"
      ? ["peer/p2pchat.cjs", "naming-server/p2pchat-naming-server.cjs", "dist/sandbox/attendant.js"]
      : ["peer/main.ts", "naming-server/main.ts", "peer/sandbox/attendant.ts"];
  return {
    p2pchat: join(root, p2pchat),
    namingServer: join(root, namingServer),
    attendant: pathToFileURL(join(root, attendant)).href,
  };
}
