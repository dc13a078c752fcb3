import {
  createCommit,
  createGroup,
  defaultCapabilities,
  type Extension,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type KeyPackage,
  type Lifetime,
  type Proposal,
  type Welcome,
} from "ts-mls";
import { credentialOf } from "../../peer/sessions/authentication.ts";
import { clientConfig } from "../../peer/sessions/client-config.ts";
import { decodeExactly } from "../../peer/sessions/mls-message.ts";
import { type DeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { type SessionDevice, suite } from "./sessions.ts";

/** A key package that says to be `name`'s and is signed by `signer`. */
export function forgedKeyPackage(
  name: DeviceId,
  signer: SessionDevice,
  { lifetime = lifetimeOfDays(30), capabilities = defaultCapabilities(), extensions = [] as Extension[] } = {},
) {
  const keys = { signKey: signer.seed, publicKey: publicKeyOfDevice(signer.id) };
  return generateKeyPackageWithKey(credentialOf(name), capabilities, lifetime, extensions, keys, suite);
}

export function lifetimeOfDays(days: number): Lifetime {
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { notBefore: now - 3600n, notAfter: now - 3600n + BigInt(days * 24 * 3600) };
}

export function encodedWelcome(welcome: Welcome | undefined): Uint8Array {
  if (welcome === undefined) throw new Error("no Welcome");
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome });
}

/** Opens a group with the library alone, as a peer that keeps to no rule of ours would. */
export async function lawlessWelcome(opener: LawlessOpener, ...joinerPackages: Uint8Array[]): Promise<Uint8Array> {
  const { name, signer, groupIdBytes = 32, lifetime = lifetimeOfDays(30), earlierProposals = [] } = opener;
  const own = await forgedKeyPackage(name, signer, { lifetime });
  const config = { ...clientConfig(name, name), authService: { validateCredential: async () => true } };
  const groupId = new Uint8Array(groupIdBytes);
  let state = await createGroup(groupId, own.publicPackage, own.privatePackage, [], suite, config);
  for (const proposal of earlierProposals) {
    state = (await createCommit({ state, cipherSuite: suite }, { extraProposals: [proposal] })).newState;
  }
  const extraProposals = joinerPackages.map((bytes): Proposal => ({ proposalType: "add", add: readPackage(bytes) }));
  const made = await createCommit({ state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
  return encodedWelcome(made.welcome);
}

type LawlessOpener = {
  readonly name: DeviceId;
  readonly signer: SessionDevice;
  readonly groupIdBytes?: number;
  readonly lifetime?: Lifetime;
  /** Each committed by itself before anybody is added. */
  readonly earlierProposals?: readonly Proposal[];
};

export function readPackage(bytes: Uint8Array): { keyPackage: KeyPackage } {
  const message = decodeExactly(bytes);
  if (message.wireformat !== "mls_key_package") throw new Error("not a key package");
  return message;
}
