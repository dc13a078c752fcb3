import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ChatError } from "../../shared/errors.ts";
import { sweepLater } from "./sweeper.ts";

/** Its presence says that a directory is a sandbox's. */
const MARK = "sandbox.json";

/** Where a sandbox is on disk. */
export type Place = {
  readonly directory: string;
  /** Of an earlier life, in whose profiles it stands; undefined in a new directory. */
  readonly serverPort: number | undefined;
  /** For the next life. */
  remember(serverPort: number): void;
  /** A directory that was given stays; another one goes with this process too. */
  leave(): void;
};

/**
 * A fresh temporary directory, or the one that is given: empty, new, or an earlier sandbox's.
 *
 * @throws ChatError USAGE for one that holds something else
 */
export function enterPlace(given: string | undefined): Place {
  const directory = given === undefined ? mkdtempSync(join(tmpdir(), "p2pchat-sandbox-")) : resolve(given);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const real = realpathSync(directory);
  const found = readdirSync(real);
  const mark = join(real, MARK);
  if (found.length > 0 && !found.includes(MARK)) {
    throw new ChatError("USAGE", `${directory} is neither empty nor a sandbox's`);
  }
  const sweeper = given === undefined ? sweepLater(real) : undefined;
  return {
    directory: real,
    serverPort: found.includes(MARK) ? readPort(mark) : undefined,
    remember: (serverPort) => writeFileSync(mark, `${JSON.stringify({ v: 1, serverPort })}\n`),
    leave: () => {
      if (sweeper === undefined) return;
      rmSync(real, { recursive: true, force: true });
      sweeper[Symbol.dispose]();
    },
  };
}

function readPort(mark: string): number {
  const found: unknown = JSON.parse(readFileSync(mark, "utf8"));
  const port = typeof found === "object" && found !== null && "serverPort" in found ? found.serverPort : undefined;
  if (typeof port === "number") return port;
  throw new ChatError("USAGE", `${mark} is of another version of p2pchat`);
}
