import { userInfo } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** `sun_path` holds 108 bytes on Linux and 104 on macOS and the BSDs, with a zero byte at the end. */
const MAX_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/**
 * Where a daemon puts the control socket of a profile, best place first: it takes the first that it can use. A path in
 * the profile itself can be too long for a socket; the temporary folder then takes its turn.
 *
 * @param directory the profile's real path
 */
export function controlSocketPlaces(directory: string, env: Environment): readonly string[] {
  const name = `${shortHash(directory)}.sock`;
  const runtime = env["XDG_RUNTIME_DIR"];
  const places = [join(directory, "control.sock"), `/tmp/p2pchat-${userId()}/${name}`];
  return fitting(runtime?.startsWith("/") ? [join(runtime, "p2pchat", name), ...places] : places);
}

/**
 * Where to look for it: also where a daemon of a login session has it, since a caller may have been started without
 * that session's environment (cron, su).
 */
export function controlSocketCandidates(directory: string, env: Environment): readonly string[] {
  const session = `/run/user/${userId()}/p2pchat/${shortHash(directory)}.sock`;
  return fitting([...new Set([...controlSocketPlaces(directory, env), session])]);
}

function userId(): string {
  return String(process.geteuid?.() ?? userInfo().username);
}

function fitting(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => Buffer.byteLength(path) <= MAX_PATH_BYTES);
}

/**
 * FNV-1a of 64 bits. It only keeps one user's profiles apart, and the greeting's peer id catches a collision; a
 * cryptographic hash would cost a short command a fifth of its time to load.
 */
function shortHash(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}
