import { defineConfig, type OutputOptions } from "rolldown";
import { declarations } from "./declarations.ts";
import { layered } from "./layers.ts";
import { light } from "./light.ts";
import { manual } from "./manual.ts";
import { schemas } from "./schemas.ts";
import { thirdParty } from "./third-party.ts";

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

/** What every command loads; what it takes to open a profile; what it takes to reach other people. */
const LAYERS = {
  base: ["peer/main.ts"],
  profile: ["peer/identity/profile-lock.ts", "peer/compose.ts"],
  network: ["peer/network/node.ts", "peer/sessions/secure-sessions.ts", "peer/sessions/parcel-seal.ts"],
};

/** A directory for each program and for each library, cut where it imports on demand: a command loads only what it needs. */
export default defineConfig([
  {
    input: { main: "peer/main.ts" },
    platform: "node",
    plugins: [light, notices, manual(), schemas()],
    // Only for configuration files of yargs that extend others: there are none.
    transform: { define: { "import.meta.resolve": "undefined" } },
    // CommonJS: the loader of ES modules costs a short command a tenth of its time.
    output: { ...chunks("dist/p2pchat", "cjs"), format: "cjs", codeSplitting: { groups: layered(LAYERS) } },
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
