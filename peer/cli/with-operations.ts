import type { PresenceFeed } from "../messaging/operations/feed.ts";
import type { Operations } from "../messaging/operations.ts";
import type { CliContext, ProfileDirectory, ProfileLock } from "./context.ts";
import { reachProfile } from "./reach-profile.ts";

const PATIENCE_MS = 10_000;

type Use<T> = {
  /** Whether the command needs other people or the naming server. */
  readonly network: boolean;
  /** How long to wait for whoever else holds the profile. */
  readonly timeoutMs?: number;
  readonly run: (operations: Operations, presence: PresenceFeed) => Promise<T>;
};

/** Runs an operation in the daemon if there is one, so that no key is opened here, and in this process if not. */
export async function withOperations<T>(context: CliContext, use: Use<T>): Promise<T> {
  const reached = await reachProfile(context, use.timeoutMs ?? PATIENCE_MS);
  if (reached.kind === "lock") return await runHere(context, use, reached);
  try {
    return await use.run(reached.client.operations, reached.client.presence);
  } finally {
    reached.client.close();
  }
}

type Held = { readonly lock: ProfileLock; readonly directory: ProfileDirectory };

async function runHere<T>(context: CliContext, use: Use<T>, { lock, directory }: Held): Promise<T> {
  try {
    const { settings, verbose, dependencies, interruption } = context;
    const { signal } = interruption;
    const programs = await dependencies.loadPrograms();
    const { network } = use;
    const messenger = await programs.openMessenger({
      settings,
      directory,
      mode: "oneshot",
      network,
      presence: false,
      verbose,
      signal,
    });
    try {
      return await unlessInterrupted(() => use.run(messenger.operations, messenger.presence), signal);
    } finally {
      await messenger.stop();
    }
  } finally {
    lock.release();
  }
}

/** Operations end by themselves; an interruption does not wait for that, and begins none. */
async function unlessInterrupted<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const interrupt = () => reject(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await Promise.race([work(), promise]);
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}
