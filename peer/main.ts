import packageJson from "../package.json" with { type: "json" };
import { EXIT } from "./cli/exit-codes.ts";
import { guardProcess } from "./cli/process-guard.ts";
import { runProgram } from "./cli/program.ts";
import { openProfileDirectory } from "./identity/profile-directory.ts";

guardProcess("p2pchat");
// What ends the process before the program has ended is a fault.
process.exitCode = EXIT.unexpected;
void runProgram({
  argv: process.argv.slice(2),
  version: packageJson.version,
  terminal: process,
  dependencies: {
    openDirectory: openProfileDirectory,
    tryLock: async (directory) => (await import("./identity/profile-lock.ts")).tryAcquireProfileLock(directory),
    loadPrograms: async () => ({
      ...(await import("./compose.ts")),
      registerProfile: async (options) => (await import("./register.ts")).registerProfile(options),
      changePassphrase: async (options) => (await import("./change-passphrase.ts")).changePassphrase(options),
      isSealed: async (directory) => (await import("./check-passphrase.ts")).isSealed(directory),
      checkPassphrase: async (...args) => (await import("./check-passphrase.ts")).checkPassphrase(...args),
    }),
    loadDoctor: () => import("./doctor.ts"),
    loadRelay: () => import("./start-relay.ts"),
    loadSandbox: () => import("./sandbox.ts"),
  },
}).then((exitCode) => {
  // Everything is closed and printed by now; libp2p leaves a timer behind that would keep the process for a second.
  process.exit(exitCode);
});
