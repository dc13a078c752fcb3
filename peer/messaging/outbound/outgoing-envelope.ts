import { type DeviceId, publicKeyOfDevice } from "../../../shared/device-id.ts";
import { linkOf, type SealedEnvelope, sealEnvelope } from "../../../shared/envelope.ts";
import { PROTOCOL_VERSION } from "../../../shared/protocol.ts";
import type { Self } from "../self.ts";
import type { OwnMessage } from "../store/history.ts";
import type { NumberingStore } from "../store/outbox.ts";

export type Outgoing = Pick<OwnMessage, "conversation" | "seq" | "messageId" | "kind" | "body" | "acceptedAtMs">;

/** Signs a message for one device, chained to the envelope before it. To be called in the transaction that stores it. */
export function envelopeFor(
  self: Self,
  numbering: NumberingStore,
  message: Outgoing,
  device: DeviceId,
): SealedEnvelope {
  const { conversation, messageId } = message;
  const prevHash = numbering.lastLink(conversation, device);
  numbering.setLastLink(conversation, device, linkOf({ prevHash, messageId }));
  return sealFor(self, message, device, prevHash);
}

/** Signs a message for one device behind the message with that link, or as the first to it. */
export function sealFor(
  self: Self,
  { conversation, seq, messageId, kind, body, acceptedAtMs }: Outgoing,
  device: DeviceId,
  prevHash: Uint8Array | null,
): SealedEnvelope {
  return sealEnvelope(
    {
      v: PROTOCOL_VERSION,
      sender: publicKeyOfDevice(self.device),
      recipient: publicKeyOfDevice(device),
      incarnation: self.incarnation,
      conversation,
      seq,
      prevHash,
      messageId,
      sentAt: acceptedAtMs,
      kind,
      body,
    },
    self.deviceKey,
  );
}
