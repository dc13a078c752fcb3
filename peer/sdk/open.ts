import type { Messenger } from "../cli/context.ts";
import { busy, type ReachContext, reachProfile } from "../cli/reach-profile.ts";
import { OPERATION_NAMES } from "../daemon/operation-names.ts";
import type { Operations } from "../messaging/operations.ts";
import { type Chat, chatOf } from "./chat.ts";
import type { OpenOptions } from "./options.ts";
import { contextOf, type SdkDependencies } from "./place.ts";

const TIMEOUT_MS = 10_000;

/** As `open` of the package. */
export async function openChat(options: OpenOptions, dependencies: SdkDependencies): Promise<Chat> {
  const closing = new AbortController();
  const context = contextOf(options, dependencies, closing.signal);
  await using stack = new AsyncDisposableStack();
  const messenger = await startMessenger(options, { context, dependencies, stack, signal: closing.signal });
  const { operations, feed, presence, ready } = messenger;
  if (options.controlSocket) {
    const { startControlServer } = await import("../daemon/control-server.ts");
    const place = { directory: messenger.directory, env: process.env, peerId: ready.peerId };
    const server = await startControlServer({ ...place, operations, feed, presence });
    stack.defer(() => server.stop());
  }
  const { readCall, readConsumption } = await import("../daemon/methods.ts");
  const checked = OPERATION_NAMES.map((name) => [
    name,
    async (params: unknown) => await readCall(operations, name, params)(),
  ]);
  const source = {
    operations: Object.fromEntries(checked) as Operations,
    consume: async (reading: unknown) => await feed.consume(readConsumption(reading)),
    presence: (signal: AbortSignal) => presence.events(signal),
  };
  const cleanup = stack.move();
  return chatOf({ ...source, close: () => cleanup.disposeAsync() }, closing);
}

type Start = {
  readonly context: ReachContext;
  readonly dependencies: SdkDependencies;
  readonly stack: AsyncDisposableStack;
  readonly signal: AbortSignal;
};

/** As `p2pchat listen` does. @throws ChatError PROFILE_BUSY (`details.pid`), and as `openMessenger` */
async function startMessenger(
  { port, presence = false, timeoutMs = TIMEOUT_MS }: OpenOptions,
  { context, dependencies, stack, signal }: Start,
): Promise<Messenger & { readonly directory: string }> {
  const reached = await reachProfile(context, timeoutMs);
  if (reached.kind === "daemon") {
    reached.client.close();
    throw busy(reached.client.pid);
  }
  const { lock, directory } = reached;
  stack.defer(() => lock.release());
  const { openMessenger } = await dependencies.loadPrograms();
  const messenger = await openMessenger({
    ...{ settings: context.settings, directory, mode: "daemon", network: true, presence, verbose: false, signal },
    ...(port !== undefined && { port }),
  });
  stack.defer(() => messenger.stop());
  return { ...messenger, directory: directory.path };
}
