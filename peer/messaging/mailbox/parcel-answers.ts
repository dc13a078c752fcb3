import type { DeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import type { Frame, FrameOf } from "../../../shared/frames.ts";
import { verifyReset } from "../../../shared/session-reset.ts";
import type { Core } from "../core.ts";
import { refusesMessage, refusesSession } from "../outbound/refusals.ts";
import type { OutboxRow } from "../store/outbox.ts";
import type { Grants } from "./grants.ts";
import type { ParcelSender } from "./parcel-sender.ts";

type Deps = Pick<Core, "self" | "store" | "notices"> & {
  readonly grants: Grants;
  readonly sender: Pick<ParcelSender, "restart">;
  /** What waits for that device is to be sent again. */
  readonly retry: (device: DeviceId) => void;
};

/** What devices answer to parcels that this one left for them. They are signed by their devices, and may come twice. */
export class ParcelAnswers {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Whatever has no place here is left alone: it changes nothing. */
  async take(from: DeviceId, frame: Frame): Promise<void> {
    if (frame.type === "ack") this.#acknowledged(from, frame);
    else if (frame.type === "granted") this.#deps.grants.granted(from, frame.seq);
    else if (frame.type === "resend") await this.#restart(from, frame.sessionId);
    else if (frame.type === "reset") await this.#reset(from, frame);
    else if (frame.type === "refuse") await this.#refused(from, frame);
  }

  #acknowledged(from: DeviceId, { envelopeIds }: FrameOf<"ack">): void {
    const { store, notices } = this.#deps;
    const rows = envelopeIds.flatMap((envelopeId) => store.outbox.awaiting(from, envelopeId) ?? []);
    if (rows.length === 0) return;
    store.transaction(() => {
      for (const { envelopeId } of rows) store.outbox.markStored(from, envelopeId, "mailbox");
    });
    notices.outboxChanged(rows.map(({ messageId }) => messageId));
  }

  async #reset(from: DeviceId, { sessionId, signature }: FrameOf<"reset">): Promise<void> {
    try {
      verifyReset({ sessionId, from, to: this.#deps.self.device }, signature);
    } catch {
      return;
    }
    await this.#restart(from, sessionId);
  }

  async #restart(from: DeviceId, sessionId: Uint8Array): Promise<void> {
    if (await this.#deps.sender.restart(from, sessionId)) this.#deps.retry(from);
  }

  /**
   * Whoever takes nothing from this profile answers no parcels of its: such a refusal is believed on a lane alone, for a
   * relay may show one of long ago. Others hold for the message or session they name, whenever they come.
   */
  async #refused(from: DeviceId, { subject, code, reason }: FrameOf<"refuse">): Promise<void> {
    if (subject === null) return;
    const { outbox } = this.#deps.store;
    const error = new ChatError(code, `the recipient's device refused: ${code}`, reason === null ? {} : { reason });
    const row = outbox.awaiting(from, subject);
    if (row === undefined && refusesSession(error)) await this.#restart(from, subject);
    // Another message under that number: the hello of the next lane shows which of the two has forgotten.
    if (row !== undefined && refusesMessage(error) && reason !== "seq") this.#fail(row, error);
  }

  #fail({ id, messageId }: OutboxRow, error: ChatError): void {
    const { store, notices } = this.#deps;
    store.transaction(() => store.outbox.markFailed(id, error.code, error.reason));
    notices.outboxChanged([messageId]);
  }
}
