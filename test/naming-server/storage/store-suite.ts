import { type StoreFactory, storeUnderTest } from "../../support/store-under-test.ts";
import { describeAdmission } from "./admission-suite.ts";
import { describeKeyPackages } from "./key-packages-suite.ts";
import { describeMailboxes } from "./mailboxes-suite.ts";
import { describeNames } from "./names-suite.ts";
import { describePresence } from "./presence-suite.ts";
import { describeRelays } from "./relays-suite.ts";
import { describeServerState } from "./server-state-suite.ts";

/** What every store must do, whatever database it uses. */
export function describeStore(engine: string, createFactory: StoreFactory): void {
  const store = storeUnderTest(engine, createFactory);
  describeNames(store);
  describePresence(store);
  describeMailboxes(store);
  describeRelays(store);
  describeKeyPackages(store);
  describeAdmission(store);
  describeServerState(store);
}
