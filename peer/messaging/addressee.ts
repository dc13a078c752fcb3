import { ChatError } from "../../shared/errors.ts";
import { readUsername, type Username } from "../../shared/username.ts";

/**
 * Reads whom somebody means: `bob`, `Bob`, or the full form `bob@names.example.org`.
 *
 * @param server  this profile's naming server, the only one its names are from
 * @throws ChatError USERNAME_INVALID, USERNAME_RESERVED, SERVER_MISMATCH
 */
export function readAddressee(typed: string, server: string): Username {
  const at = typed.indexOf("@");
  if (at < 0) return readUsername(typed);
  const { host, hostname } = new URL(server);
  const named = typed.slice(at + 1).toLowerCase();
  if (named === host || named === hostname) return readUsername(typed.slice(0, at));
  throw new ChatError(
    "SERVER_MISMATCH",
    `this profile is registered at ${host}; names of another server need a profile of its own there`,
  );
}

/**
 * The same for somebody else.
 *
 * @throws ChatError as `readAddressee`; SELF_SEND
 */
export function readOther(typed: string, { server, self }: { server: string; self: { username: Username } }): Username {
  const username = readAddressee(typed, server);
  if (username === self.username) throw new ChatError("SELF_SEND", "that is this profile's own name");
  return username;
}
