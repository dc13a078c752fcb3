import { setTimeout as sleep } from "node:timers/promises";
import { ChatError } from "../../shared/errors.ts";
import { type ControlClient, connectToDaemon } from "../daemon/control-client.ts";
import { controlSocketCandidates } from "../daemon/control-socket-path.ts";
import type { CliContext, Dependencies, ProfileDirectory, ProfileLock, Terminal } from "./context.ts";
import type { Interruption } from "./interruption.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { readPeerId } from "./profile-peer-id.ts";

const POLL_MS = 25;
const SILENCE_MS = 1000;

/** What of a command's context it takes to find a profile. */
export type ReachContext = Pick<CliContext, "settings"> & {
  readonly dependencies: Pick<Dependencies, "openDirectory" | "tryLock">;
  readonly terminal: Pick<Terminal, "env">;
  readonly interruption: Pick<Interruption, "signal">;
  readonly output: Pick<CliContext["output"], "note">;
};

/** Whoever runs the profile answers, or the profile is ours to run. */
export type Reached =
  | { readonly kind: "daemon"; readonly client: ControlClient }
  | { readonly kind: "lock"; readonly lock: ProfileLock; readonly directory: ProfileDirectory };

/**
 * Tries control socket and lock in turn: a daemon that starts takes the lock before it answers, and one that stops
 * stops answering before it frees the lock.
 *
 * @throws ChatError PROFILE_BUSY (`details.pid`) once the time is over; PROFILE_MISSING, PROFILE_UNSAFE,
 *   DAEMON_MISMATCH, INTERRUPTED
 */
export async function reachProfile(context: ReachContext, timeoutMs: number): Promise<Reached> {
  const { dependencies, output } = context;
  const { signal } = context.interruption;
  const { directory, daemon } = locate(context);
  const start = monotonicMs();
  for (let noted = false; ; ) {
    signal.throwIfAborted();
    const remainingMs = start + timeoutMs - monotonicMs();
    const client = await connectToDaemon({ ...daemon, timeoutMs: Math.max(remainingMs, POLL_MS), signal });
    if (client !== undefined) return { kind: "daemon", client };
    const answer = await dependencies.tryLock(directory);
    if ("release" in answer) return { kind: "lock", lock: answer, directory };
    if (remainingMs <= 0) throw busy(answer.heldBy);
    if (!noted && monotonicMs() - start > SILENCE_MS) {
      noted = true;
      output.note(`waiting for ${holderName(answer.heldBy)}, which is using this profile`);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The daemon where one runs; the profile is not opened, nor is anybody waited for. @throws ChatError as `reachProfile` */
export async function findDaemon(context: ReachContext, timeoutMs: number): Promise<ControlClient | undefined> {
  return await connectToDaemon({ ...locate(context).daemon, timeoutMs, signal: context.interruption.signal });
}

function locate({ dependencies, settings, terminal }: ReachContext) {
  const directory = dependencies.openDirectory({ home: settings.home, profile: settings.profile, create: false });
  const paths = controlSocketCandidates(directory.path, terminal.env);
  return { directory, daemon: { paths, peerId: readPeerId(directory) } };
}

export function busy(pid: number | undefined): ChatError {
  return new ChatError("PROFILE_BUSY", `${holderName(pid)} is using this profile`, {
    ...(pid !== undefined && { details: { pid } }),
  });
}

function holderName(pid: number | undefined): string {
  return pid === undefined ? "another process" : `process ${pid}`;
}
