import { decodeMlsMessage, encodeMlsMessage, type MLSMessage, type PrivateMessage, type Welcome } from "ts-mls";
import { compareBytes } from "../../shared/bytes.ts";
import { ChatError } from "../../shared/errors.ts";
import { CIPHERSUITE } from "./ciphersuite.ts";
import { guardedSync } from "./library-boundary.ts";

/**
 * Decodes one MLSMessage (RFC 9420 6) from exactly these bytes: the library's decoders accept trailing bytes and longer
 * spellings of a length. The result shares no memory with `bytes`.
 *
 * @throws ChatError SESSION_INVALID
 */
export function decodeExactly(bytes: Uint8Array): MLSMessage {
  return guardedSync("SESSION_INVALID", "not an MLS message", () => {
    const decoded = decodeMlsMessage(new Uint8Array(bytes), 0)?.[0];
    if (decoded === undefined || compareBytes(encodeMlsMessage(decoded), bytes) !== 0) {
      throw new ChatError("SESSION_INVALID", "not exactly one MLS message");
    }
    return decoded;
  });
}

/** @throws ChatError SESSION_INVALID */
export function decodePrivateMessage(
  bytes: Uint8Array,
  expected: { readonly groupId: Uint8Array; readonly contentType: PrivateMessage["contentType"] },
): PrivateMessage {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_private_message") throw refuse("not a private message");
  const { contentType, groupId } = message.privateMessage;
  if (contentType !== expected.contentType) throw refuse(`not of type ${expected.contentType}`);
  // The library decrypts under whatever group and epoch a message claims.
  if (compareBytes(groupId, expected.groupId) !== 0) throw refuse("of another group");
  return message.privateMessage;
}

/** @throws ChatError SESSION_INVALID */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_welcome") throw refuse("not a Welcome");
  // Nothing else authenticates the ciphersuite that a Welcome names.
  if (message.welcome.cipherSuite !== CIPHERSUITE) throw refuse("of another ciphersuite");
  if (message.welcome.secrets.length !== 1) throw refuse("not for exactly one device");
  return message.welcome;
}

export function encodePrivateMessage(privateMessage: PrivateMessage): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage });
}

export function encodeWelcome(welcome: Welcome): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome });
}

function refuse(why: string): ChatError {
  return new ChatError("SESSION_INVALID", `an MLS message that is ${why}`);
}
