import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { ChatError } from "../../shared/errors.ts";
import { sweepLater } from "./sweeper.ts";

/** Its presence says that a directory is a sandbox's. */
const MARK = "sandbox.json";
const markSchema = z.strictObject({ v: z.literal(1), serverPort: z.int().min(1).max(65_535) });

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
 * @throws ChatError USAGE for one that holds something else, or that cannot be used; STORAGE without a temporary one
 */
export function enterPlace(given: string | undefined): Place {
  return given === undefined ? enterTemporary() : enterGiven(resolve(given));
}

function enterTemporary(): Place {
  const parent = tmpdir();
  const made = orElse("STORAGE", parent, () => realpathSync(mkdtempSync(join(parent, "p2pchat-sandbox-"))));
  const sweeper = sweepLater(made);
  const leave = () => {
    rmSync(made, { recursive: true, force: true });
    sweeper[Symbol.dispose]();
  };
  return { directory: made, serverPort: undefined, remember: (port) => writeMark(made, port), leave };
}

function enterGiven(given: string): Place {
  const directory = orElse("USAGE", given, () => {
    makeDirectory(given);
    return realpathSync(given);
  });
  const found = orElse("USAGE", given, () => readdirSync(directory));
  const isOurs = found.includes(MARK);
  if (found.length > 0 && !isOurs) throw new ChatError("USAGE", `${given} is neither empty nor a sandbox's`);
  const serverPort = isOurs ? readPort(join(directory, MARK)) : undefined;
  return { directory, serverPort, remember: (port) => writeMark(directory, port), leave: () => undefined };
}

/** Level by level: Node's `recursive` never ends where a directory is there, but takes nothing in, such as /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function writeMark(directory: string, serverPort: number): void {
  const text = `${JSON.stringify({ v: 1, serverPort })}\n`;
  orElse("USAGE", directory, () => writeFileSync(join(directory, MARK), text));
}

function readPort(mark: string): number {
  const text = orElse("USAGE", mark, () => readFileSync(mark, "utf8"));
  try {
    return markSchema.parse(JSON.parse(text)).serverPort;
  } catch (cause) {
    throw new ChatError("USAGE", `${mark} is damaged, or of another version of p2pchat`, { cause });
  }
}

/** What the file system refuses. */
function orElse<T>(code: "USAGE" | "STORAGE", path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause ? `: ${String(cause.code)}` : "";
    throw new ChatError(code, `${path} cannot be used${why}`, { cause });
  }
}
