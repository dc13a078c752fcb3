import { ChatError, type ErrorCode } from "../shared/errors.ts";
import { openProfileDirectory } from "./identity/profile-directory.ts";
import type { ContactView } from "./messaging/operations/contacts.ts";
import type { ChatEvent, PresenceEvent } from "./messaging/operations/feed.ts";
import type { ChatMessage, DeliveryState, HistoryMessage, SendResult } from "./messaging/operations/messages.ts";
import type { Identity, Status } from "./messaging/operations/status.ts";
import type { Operations } from "./messaging/operations.ts";
import type { Chat, ChatOperations, EventsOptions } from "./sdk/chat.ts";
import { connectChat } from "./sdk/connect.ts";
import { openChat } from "./sdk/open.ts";
import type { ConnectOptions, OpenOptions, TokenOptions } from "./sdk/options.ts";
import type { SdkDependencies } from "./sdk/place.ts";

/*
 * The package as a library: `import { connect, open } from "p2pchat"`. Both give the same object, and read the same
 * configuration files and environment as the commands. Everything that goes wrong is a ChatError.
 */

export type {
  Chat,
  ChatEvent,
  ChatMessage,
  ChatOperations,
  ConnectOptions,
  ContactView,
  DeliveryState,
  ErrorCode,
  EventsOptions,
  HistoryMessage,
  Identity,
  OpenOptions,
  Operations,
  PresenceEvent,
  SendResult,
  Status,
  TokenOptions,
};
export { ChatError };

const dependencies: SdkDependencies = {
  openDirectory: openProfileDirectory,
  tryLock: async (directory) => (await import("./identity/profile-lock.ts")).tryAcquireProfileLock(directory),
  loadPrograms: () => import("./compose.ts"),
};

/**
 * Talks to the daemon of a profile, `p2pchat listen`: no key is opened here. With a token it does what that allows; all else
 * is FORBIDDEN.
 *
 * @throws ChatError PEER_UNREACHABLE (reason `daemon`), PROFILE_MISSING, PROFILE_UNSAFE, DAEMON_MISMATCH, CONFIG_INVALID;
 *   with a token TOKEN_INVALID, RATE_LIMITED, QUOTA
 */
export function connect(options: ConnectOptions | TokenOptions = {}): Promise<Chat> {
  return connectChat(options, dependencies);
}

/**
 * Puts a profile to work in this process, as `p2pchat listen` does: reachable, and nobody else uses it meanwhile.
 *
 * @throws ChatError PROFILE_BUSY (`details.pid`), PROFILE_MISSING, PROFILE_UNSAFE, PASSPHRASE_REQUIRED, PASSPHRASE_WRONG,
 *   STORE_CORRUPT, STORAGE, CONFIG_INVALID
 */
export function open(options: OpenOptions = {}): Promise<Chat> {
  return openChat(options, dependencies);
}
