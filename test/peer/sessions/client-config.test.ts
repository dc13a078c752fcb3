import { expect, test } from "vitest";
import { credentialOf } from "../../../peer/sessions/authentication.ts";
import { clientConfig } from "../../../peer/sessions/client-config.ts";
import { publicKeyOfDevice } from "../../../shared/device-id.ts";
import { sessionDevice } from "../../support/sessions.ts";

const [alice, bob, mallory] = [sessionDevice("alice"), sessionDevice("bob"), sessionDevice("mallory")];
const config = clientConfig(alice.id, bob.id);

test("keeps no key of a skipped message, one epoch, and checks lifetimes on receipt", () => {
  expect(config.keyRetentionConfig).toEqual({
    retainKeysForGenerations: 0,
    retainKeysForEpochs: 1,
    maximumForwardRatchetSteps: 0,
  });
  expect(config.lifetimeConfig.validateLifetimeOnReceive).toBe(true);
});

test("accepts the leaves of the two devices and nobody else's, by name and by key", async () => {
  const isAccepted = (name: typeof alice, key: typeof alice) =>
    config.authService.validateCredential(credentialOf(name.id), publicKeyOfDevice(key.id));
  expect(await isAccepted(alice, alice)).toBe(true);
  expect(await isAccepted(bob, bob)).toBe(true);
  for (const [name, key] of [
    [alice, bob],
    [bob, alice],
    [alice, mallory],
    [mallory, alice],
    [mallory, mallory],
  ] as const) {
    expect(await isAccepted(name, key)).toBe(false);
  }
});

test("accepts no other kind of credential", async () => {
  const certificates = [Buffer.from(alice.id)];
  const accepted = config.authService.validateCredential(
    { credentialType: "x509", certificates },
    publicKeyOfDevice(alice.id),
  );
  expect(await accepted).toBe(false);
});
