import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type OpenStore, openStore } from "../../peer/history/store.ts";
import type { OwnMessage } from "../../peer/messaging/store/history.ts";
import type { InboundMessage, Lane } from "../../peer/messaging/store/inbox.ts";
import type { NewOutboxRow } from "../../peer/messaging/store/outbox.ts";
import { sha256 } from "../../shared/hash.ts";
import { pad } from "../../shared/padding.ts";
import { NOW_MS, personOf } from "./people.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { textBody } from "./text-body.ts";

export const DATA_KEY = sha256(Buffer.from("data key"));

/** A store on a new file, closed with the test. */
export function openedStore(
  path = join(temporaryDirectory(), "chat.db"),
  profileId = "profile",
): OpenStore & { path: string } {
  const store = openStore(path, { dataKey: DATA_KEY, profileId });
  onTestFinished(() => store.close());
  return { ...store, path };
}

export const [alice, bob, carol] = [personOf("alice"), personOf("bob"), personOf("carol")];

/** Bytes that are made of a label. */
export function idOf(label: string | number, length = 32): Uint8Array {
  return sha256(Buffer.from(String(label))).subarray(0, length);
}

export const laneOfBob: Lane = { device: bob.device, incarnation: idOf("life", 16), conversation: idOf("talk") };

export function inbound(seq: number, facts: Partial<InboundMessage> = {}): InboundMessage {
  const { text = `text ${seq}` } = facts;
  return {
    messageId: idOf(`message ${seq}`, 16),
    envelopeId: idOf(`envelope ${seq}`),
    from: bob.username,
    ...laneOfBob,
    seq,
    link: idOf(`link ${seq}`),
    kind: "text",
    body: textBody(text),
    text,
    sentAtMs: NOW_MS,
    receivedAtMs: NOW_MS + seq,
    path: "direct",
    ...facts,
  };
}

export function outgoing(seq: number, facts: Partial<NewOutboxRow> = {}): NewOutboxRow {
  return {
    messageId: idOf(`own ${seq}`, 16),
    to: bob.username,
    device: bob.device,
    seq,
    envelopeId: idOf(`own envelope ${seq}`),
    plaintext: pad(Buffer.from(`plaintext ${seq}`)),
    tombstone: false,
    acceptedAtMs: NOW_MS + seq,
    ...facts,
  };
}

export function own(seq: number, facts: Partial<OwnMessage> = {}): OwnMessage {
  const { text = `own ${seq}` } = facts;
  return {
    messageId: idOf(`own ${seq}`, 16),
    to: bob.username,
    conversation: laneOfBob.conversation,
    seq,
    kind: "text",
    body: textBody(text),
    text,
    acceptedAtMs: NOW_MS + seq,
    ...facts,
  };
}
