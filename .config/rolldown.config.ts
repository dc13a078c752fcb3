import { defineConfig, type OutputOptions, type Plugin } from "rolldown";
import { declarations } from "./declarations.ts";
import { manual } from "./manual.ts";
import { schemas } from "./schemas.ts";
import { thirdParty } from "./third-party.ts";

/**
 * yargs measures its help with `string-width`, whose tables of emoji take longer to load than all else that a short
 * command does. The help is ASCII.
 */
const asciiWidth: Plugin = {
  name: "ascii-width",
  resolveId: (id) => (id === "string-width" ? "\0ascii-width" : undefined),
  load: (id) => (id === "\0ascii-width" ? "export default (text) => text.length;" : undefined),
};

function chunks(directory: string, extension: string): OutputOptions {
  return {
    dir: directory,
    cleanDir: true,
    minify: true,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name]-[hash].${extension}`,
  };
}

const notices = thirdParty();

/** A directory for each program and for each library, cut where it imports on demand: a command loads only what it needs. */
export default defineConfig([
  {
    input: { main: "peer/main.ts" },
    platform: "node",
    plugins: [asciiWidth, notices, manual(), schemas()],
    // Only for configuration files of yargs that extend others: there are none.
    transform: { define: { "import.meta.resolve": "undefined" } },
    // CommonJS: the loader of ES modules costs a short command a tenth of its time.
    output: { ...chunks("dist/p2pchat", "cjs"), format: "cjs" },
  },
  {
    input: { main: "naming-server/main.ts" },
    platform: "node",
    plugins: [notices],
    output: { ...chunks("dist/naming-server", "js"), format: "esm" },
  },
  {
    input: { sandbox: "peer/sandbox.ts", attendant: "peer/sandbox/attendant.ts" },
    platform: "node",
    plugins: [notices, declarations("peer/sandbox.ts")],
    output: { ...chunks("dist/sandbox", "js"), format: "esm" },
  },
  {
    input: { sdk: "peer/sdk.ts" },
    platform: "node",
    plugins: [notices, declarations("peer/sdk.ts")],
    output: { ...chunks("dist/sdk", "js"), format: "esm" },
  },
]);
