import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./longest-first.ts";

/** Tests that start the programs themselves. */
const PROGRAMS = [
  "test/build.test.ts",
  "test/e2e/**/*.test.ts",
  "test/net/**/*.test.ts",
  "test/naming-server/{admission,backup,connections,fuzz,instances,logs,migrate-store,program}.test.ts",
  "test/naming-server/storage/**/faults.test.ts",
  "test/peer/cli/{listen,program,pty,with-operations}.test.ts",
  "test/peer/cli/commands/{changes,send,token}.test.ts",
  "test/peer/cli/completion/shells.test.ts",
  "test/peer/sdk/*.test.ts",
];

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    // For what hangs: a machine may have much else to do, and a test starts dozens of processes, one after the other.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // of two cores: many tests wait for what takes its time
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    pool: "forks",
    env: { NODE_ENV: "test" },
    setupFiles: "test/support/property-seed.ts",
    projects: [
      {
        extends: true,
        test: {
          name: "programs",
          include: PROGRAMS,
          globalSetup: "test/support/build-programs.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "units",
          include: ["test/**/*.test.ts"],
          exclude: PROGRAMS,
          // A process for each of three hundred files, with all modules loaded anew, takes longer than most of the tests. So
          // a test undoes what it changes in its process: umask, listeners, subscriptions.
          isolate: false,
        },
      },
    ],
  },
});
