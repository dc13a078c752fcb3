import { randomBytes as systemRandomBytes } from "node:crypto";
import type { DeviceId } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import type { SecureSessions } from "../messaging/ports/sessions.ts";
import { decryptMessage, encryptMessage } from "./application-message.ts";
import { createCiphersuite, type RandomBytes } from "./ciphersuite.ts";
import { beginCommit, confirmCommit, receiveCommit } from "./commit.ts";
import { createKeyPackage } from "./key-package.ts";
import { decodeWelcome } from "./mls-message.ts";
import { joinSession, openSession } from "./opening.ts";
import type { OwnDevice } from "./own-device.ts";
import { sessionOf, stateOf } from "./session-state.ts";
import { restoreSession, serialiseSession } from "./stored-session.ts";

export type SecureSessionsOptions = {
  readonly device: DeviceId;
  /** The 32-byte Ed25519 seed of that device. */
  readonly deviceSeed: Uint8Array;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly randomBytes?: RandomBytes;
};

/** Sessions over MLS (RFC 9420): two devices, X-Wing, AES-256-GCM, SHA-512, Ed25519. */
export function createSecureSessions({
  device,
  deviceSeed,
  now,
  randomBytes = (length) => new Uint8Array(systemRandomBytes(length)),
}: SecureSessionsOptions): SecureSessions {
  const suite = createCiphersuite(randomBytes);
  const seed = new Uint8Array(deviceSeed);
  const own: OwnDevice = { id: device, publicKey: publicKeyOfSeed(seed), seed, suite, randomBytes, now };
  return {
    createKeyPackage: (options) => createKeyPackage(own, options),
    async open(peer, keyPackage) {
      const { state, welcome } = await openSession(own, peer, keyPackage);
      return { session: sessionOf(state), welcome };
    },
    welcomeReferences: (welcome) => decodeWelcome(welcome).secrets.map(({ newMember }) => newMember),
    async join(peer, welcome, key) {
      return sessionOf(await joinSession(own, peer, welcome, key));
    },
    async encrypt(session, plaintext, authenticatedData) {
      const { state, ciphertext } = await encryptMessage(own, stateOf(session), plaintext, authenticatedData);
      return { session: sessionOf(state), ciphertext };
    },
    async decrypt(session, ciphertext) {
      const { state, ...opened } = await decryptMessage(own, stateOf(session), ciphertext);
      return { session: sessionOf(state), ...opened };
    },
    async beginCommit(session) {
      const { state, commit } = await beginCommit(own, stateOf(session));
      return { session: sessionOf(state), commit };
    },
    async confirmCommit(session, commit) {
      return sessionOf(confirmCommit(stateOf(session), commit));
    },
    async receiveCommit(session, commit) {
      const { state, outcome } = await receiveCommit(own, stateOf(session), commit);
      return { session: sessionOf(state), outcome };
    },
    serialise: (session) => serialiseSession(stateOf(session)),
    restore: (bytes) => sessionOf(restoreSession(own, bytes)),
  };
}
