import { type DeviceId, publicKeyOfDevice } from "../../shared/device-id.ts";
import { linkOf, type SealedEnvelope, sealEnvelope } from "../../shared/envelope.ts";
import { PROTOCOL_VERSION } from "../../shared/protocol.ts";
import type { Self } from "./self.ts";
import type { NumberingStore, OwnMessage } from "./store.ts";

/** Signs a message for one device, chained to the envelope before it. To be called in the transaction that stores it. */
export function envelopeFor(
  self: Self,
  numbering: NumberingStore,
  message: Pick<OwnMessage, "conversation" | "seq" | "messageId" | "kind" | "body" | "acceptedAtMs">,
  device: DeviceId,
): SealedEnvelope {
  const { conversation, seq, messageId, kind, body, acceptedAtMs } = message;
  const prevHash = numbering.lastLink(conversation, device);
  numbering.setLastLink(conversation, device, linkOf({ prevHash, messageId }));
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
