import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import {
  type CiphersuiteImpl,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  defaultCapabilities,
  defaultCryptoProvider,
  defaultLifetime,
  emptyPskIndex,
  generateKeyPackage,
  getCiphersuiteFromName,
  joinGroup,
  type MLSMessage,
  processPrivateMessage,
  type Welcome,
} from "ts-mls";
import { describe, expect, test } from "vitest";
import { CIPHERSUITE, createCiphersuite } from "../../../peer/sessions/ciphersuite.ts";
import { X_WING } from "../../../peer/sessions/x-wing.ts";

const ours = createCiphersuite((length) => new Uint8Array(randomBytes(length)));
const theirs = await defaultCryptoProvider.getCiphersuiteImpl(getCiphersuiteFromName(CIPHERSUITE));

type Member = { readonly suite: CiphersuiteImpl; state: ClientState };

function keyPackage(name: string, suite: CiphersuiteImpl) {
  const credential = { credentialType: "basic", identity: Buffer.from(name) } as const;
  return generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], suite);
}

async function found(name: string, suite: CiphersuiteImpl): Promise<Member> {
  const { publicPackage, privatePackage } = await keyPackage(name, suite);
  return { suite, state: await createGroup(new Uint8Array(8), publicPackage, privatePackage, [], suite) };
}

async function add(by: Member, name: string, suite: CiphersuiteImpl): Promise<{ member: Member; commit: MLSMessage }> {
  const { publicPackage, privatePackage } = await keyPackage(name, suite);
  const extraProposals = [{ proposalType: "add", add: { keyPackage: publicPackage } }] as const;
  const made = await createCommit(
    { state: by.state, cipherSuite: by.suite },
    { extraProposals: [...extraProposals], ratchetTreeExtension: true },
  );
  by.state = made.newState;
  const welcome = made.welcome as Welcome;
  const state = await joinGroup(
    welcome,
    publicPackage,
    privatePackage,
    emptyPskIndex,
    suite,
    made.newState.ratchetTree,
  );
  return { member: { suite, state }, commit: made.commit };
}

async function say(from: Member, text: string) {
  const sent = await createApplicationMessage(from.state, Buffer.from(text), from.suite);
  from.state = sent.newState;
  return sent.privateMessage;
}

async function process(to: Member, message: Parameters<typeof processPrivateMessage>[1]): Promise<string | undefined> {
  const result = await processPrivateMessage(to.state, message, emptyPskIndex, to.suite);
  to.state = result.newState;
  return result.kind === "applicationMessage" ? Buffer.from(result.message).toString() : undefined;
}

function privateMessageOf(message: MLSMessage) {
  if (message.wireformat !== "mls_private_message") throw new Error("not a private message");
  return message.privateMessage;
}

describe("the ciphersuite on node:crypto", () => {
  test.each([
    ["founds", ours, theirs],
    ["joins", theirs, ours],
  ])("%s a group with the library's own provider", async (_what, founder, joiner) => {
    const alice = await found("alice", founder);
    const { member: bob } = await add(alice, "bob", joiner);
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
      [alice, bob],
    ] as const) {
      expect(await process(to, await say(from, "before"))).toBe("before");
      const { newState, commit } = await createCommit({ state: from.state, cipherSuite: from.suite });
      await process(to, privateMessageOf(commit));
      from.state = newState;
      expect(await process(to, await say(from, "after"))).toBe("after");
      expect(await process(from, await say(to, "back"))).toBe("back");
    }
  });

  test("refuses the secrets of external commits", async () => {
    const { publicKey } = await ours.hpke.generateKeyPair();
    const none = new Uint8Array();
    await expect(ours.hpke.exportSecret(publicKey, none, 32, none)).rejects.toMatchObject({ code: "SESSION_INVALID" });
  });

  test("verifies a MAC of the right length only", async () => {
    const [key, content] = [new Uint8Array(64), new Uint8Array(5)];
    const mac = await ours.hash.mac(key, content);
    expect(mac).toEqual(await theirs.hash.mac(key, content));
    expect(await ours.hash.verifyMac(key, mac, content)).toBe(true);
    expect(await ours.hash.verifyMac(key, mac.subarray(1), content)).toBe(false);
    expect(
      await ours.hash.verifyMac(
        key,
        mac.map((byte) => byte ^ 1),
        content,
      ),
    ).toBe(false);
  });
});

describe("the installed ts-mls", () => {
  test("is the release that was reviewed", () => {
    const path = findPackageJSON("ts-mls", import.meta.url) ?? "";
    expect(JSON.parse(readFileSync(path, "utf8")).version).toBe("1.6.4");
  });

  test("lets a removed member read nothing that is sent after the removal", async () => {
    const alice = await found("alice", ours);
    const { member: bob } = await add(alice, "bob", ours);
    const { member: carol, commit: added } = await add(alice, "carol", ours);
    await process(bob, privateMessageOf(added));
    const extraProposals = [{ proposalType: "remove", remove: { removed: 2 } }] as const;
    const removal = await createCommit(
      { state: alice.state, cipherSuite: ours },
      { extraProposals: [...extraProposals] },
    );
    alice.state = removal.newState;
    // New keys on the committer's path, sealed to the members that stay, are what the removed one cannot follow.
    expect(privateMessageOf(removal.commit).ciphertext.length).toBeGreaterThan(2 * X_WING.ciphertextBytes);
    await process(bob, privateMessageOf(removal.commit));
    // Carol plays on as if the removal had been somebody else's: she keeps her leaf and derives what she can.
    await process(carol, privateMessageOf(removal.commit)).catch(() => undefined);
    const message = await say(alice, "without Carol");
    await expect(process(carol, message)).rejects.toThrow();
    expect(await process(bob, message)).toBe("without Carol");
  });
});
