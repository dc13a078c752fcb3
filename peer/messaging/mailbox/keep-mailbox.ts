import type { DeviceId } from "../../../shared/device-id.ts";
import type { NamingServer } from "../ports/naming-server.ts";
import { DueAnswers } from "./due-answers.ts";
import { MailboxKeeper } from "./mailbox-keeper.ts";
import { ParcelAnswers } from "./parcel-answers.ts";
import { ParcelInbox } from "./parcel-inbox.ts";
import type { ParcelSender, ParcelSenderDeps } from "./parcel-sender.ts";

type Deps = ParcelSenderDeps & {
  readonly naming: Pick<NamingServer, "publishMailbox">;
  readonly sender: ParcelSender;
  readonly serverNow: () => number;
  /** What waits for that device is to be sent again. */
  readonly retry: (device: DeviceId) => void;
};

/** Puts the reading half of the mailboxes together: for a device that is there to be written to. */
export function keepMailbox(deps: Deps): MailboxKeeper {
  const due = new DueAnswers(deps);
  const inbox = new ParcelInbox(deps, { answers: new ParcelAnswers(deps), due });
  return new MailboxKeeper({ ...deps, inbox, due, failed: deps.notices.failed });
}
