import { createHash } from "node:crypto";
import {
  type ClientState,
  decodeGroupState,
  defaultAuthenticationService,
  defaultKeyPackageEqualityConfig,
  defaultLifetimeConfig,
  defaultPaddingConfig,
} from "ts-mls";
import { expect } from "vitest";
import type { SecureSessions, Session } from "../../peer/messaging/ports/sessions.ts";
import { createCiphersuite } from "../../peer/sessions/ciphersuite.ts";
import { createSecureSessions } from "../../peer/sessions/secure-sessions.ts";
import { type DeviceId, deviceIdOf } from "../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../shared/ed25519.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import { expectError } from "./expect-error.ts";

/** The product's ciphersuite, for what is done with the library alone. */
export const suite = createCiphersuite((length) => crypto.getRandomValues(new Uint8Array(length)));

export type SessionDevice = {
  readonly id: DeviceId;
  readonly seed: Uint8Array;
  readonly sessions: SecureSessions;
};

/** A device whose key is made of its name. The library reads the system's clock, so offsets are against that one. */
export function sessionDevice(name: string, { clockOffsetMs = 0 } = {}): SessionDevice {
  const seed = new Uint8Array(createHash("sha256").update(name).digest());
  const id = deviceIdOf(publicKeyOfSeed(seed));
  return {
    id,
    seed,
    sessions: createSecureSessions({ device: id, deviceSeed: seed, now: () => Date.now() + clockOffsetMs }),
  };
}

/** One end of a session, holding its latest state. */
export type SessionEnd = { readonly device: SessionDevice; session: Session };

export async function openedPair(): Promise<{ alice: SessionEnd; bob: SessionEnd }> {
  const [alice, bob] = [sessionDevice("alice"), sessionDevice("bob")];
  const key = await bob.sessions.createKeyPackage({ lastResort: false });
  const { session, welcome } = await alice.sessions.open(bob.id, key.publicPackage);
  const joined = await bob.sessions.join(alice.id, welcome, key);
  return { alice: { device: alice, session }, bob: { device: bob, session: joined } };
}

export async function send(from: SessionEnd, text: string): Promise<Uint8Array> {
  const { session, ciphertext } = await from.device.sessions.encrypt(
    from.session,
    Buffer.from(text),
    Buffer.from("aad"),
  );
  from.session = session;
  return ciphertext;
}

export async function receive(to: SessionEnd, ciphertext: Uint8Array): Promise<string> {
  const { session, plaintext } = await to.device.sessions.decrypt(to.session, ciphertext);
  to.session = session;
  return Buffer.from(plaintext).toString();
}

/** Commits on one side and lets the other apply and acknowledge it. */
export async function heal(from: SessionEnd, to: SessionEnd): Promise<Uint8Array> {
  const { session, commit } = await from.device.sessions.beginCommit(from.session);
  to.session = (await to.device.sessions.receiveCommit(to.session, commit)).session;
  from.session = await from.device.sessions.confirmCommit(session, commit);
  return commit;
}

export function stored({ device, session }: SessionEnd): Buffer {
  return Buffer.from(device.sessions.serialise(session));
}

/** What a thief of the stored state makes of it: the library's own state, with its widest key retention. */
export function rawGroup(end: SessionEnd): ClientState {
  const bytes = stored(end);
  const groupField = 1 + 4 + bytes.readUInt32BE(1);
  const lastApplied = bytes.readUInt32BE(groupField);
  const start = groupField + 4 + lastApplied + 4;
  const decoded = decodeGroupState(new Uint8Array(bytes.subarray(start, start + bytes.readUInt32BE(start - 4))), 0);
  if (decoded === undefined) throw new Error("the stored session holds no group");
  const clientConfig = {
    authService: defaultAuthenticationService,
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    keyRetentionConfig: { retainKeysForGenerations: 10, retainKeysForEpochs: 8, maximumForwardRatchetSteps: 200 },
    lifetimeConfig: defaultLifetimeConfig,
    paddingConfig: defaultPaddingConfig,
  };
  return { ...decoded[0], signaturePrivateKey: end.device.seed, clientConfig };
}

/** Expects a refusal with that code, and the end's state byte for byte as it was. */
export async function expectRefusal(end: SessionEnd, code: ErrorCode, attempt: () => Promise<unknown>) {
  const before = stored(end);
  const error = await expectError(attempt, code);
  expect(stored(end).equals(before)).toBe(true);
  return error;
}
