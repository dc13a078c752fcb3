import type { CliContext, Messenger, OpenOptions, ProfileDirectory, ProfileLock } from "./context.ts";

export type Held = { readonly lock: ProfileLock; readonly directory: ProfileDirectory };

/**
 * Puts the profile to work here, and serves this user's other programs meanwhile. The lock is freed at the end of it.
 *
 * @throws ChatError as `openMessenger`; STORAGE where there is no place for the control socket
 */
export async function serveProfile<T>(
  { lock, directory }: Held,
  options: Pick<OpenOptions, "presence" | "port" | "hosts" | "announce" | "offline" | "silent">,
  context: CliContext,
  run: (messenger: Messenger) => Promise<T>,
): Promise<T> {
  const { settings, verbose, dependencies, interruption } = context;
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => lock.release());
  const programs = await dependencies.loadPrograms();
  const { startControlServer } = await import("../daemon/control-server.ts");
  const { signal } = interruption;
  const open = { settings, directory, mode: "daemon", network: true, verbose, signal, ...options } as const;
  const messenger = await programs.openMessenger(open);
  cleanup.defer(() => messenger.stop());
  const server = await startControlServer({
    directory: directory.path,
    env: context.terminal.env,
    peerId: messenger.ready.peerId,
    operations: messenger.operations,
    feed: messenger.feed,
    presence: messenger.presence,
  });
  cleanup.defer(() => server.stop());
  return await run(messenger);
}
