import type { IncomingMessage } from "node:http";
import { ChatError } from "../shared/errors.ts";
import type { AccessTokens, Caller, SignedIn } from "./access-tokens.ts";
import type { Directory } from "./directory.ts";

const BEARER = /^Bearer +([^ ]+)$/i;

/**
 * Who sends this request. A device that its name no longer lists is nobody, however long its token still lasts.
 *
 * @throws ChatError TOKEN_MISSING; TOKEN_INVALID with reason `scheme`, `device`, or as `AccessTokens.verify`
 */
export async function authenticate(
  req: IncomingMessage,
  { tokens, directory }: { tokens: AccessTokens; directory: Directory },
): Promise<SignedIn> {
  const header = req.headers.authorization;
  if (header === undefined) throw new ChatError("TOKEN_MISSING", "this needs an access token from POST /v1/token");
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) throw new ChatError("TOKEN_INVALID", "not a Bearer token", { reason: "scheme" });
  const caller = await tokens.verify(token);
  await assertListed(caller, directory);
  return caller;
}

/** @throws ChatError TOKEN_INVALID with reason `device`, whether the name exists or not */
export async function assertListed({ username, device }: Caller, directory: Pick<Directory, "find">): Promise<void> {
  const entry = await directory.find(username);
  if (entry?.devices.includes(device)) return;
  throw new ChatError("TOKEN_INVALID", "the name does not list this device", { reason: "device" });
}
