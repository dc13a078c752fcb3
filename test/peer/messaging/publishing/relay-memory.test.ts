import { expect, test } from "vitest";
import { relayMemory } from "../../../../peer/messaging/publishing/relay-memory.ts";
import { openedStore } from "../../../support/opened-store.ts";

const unexpected = (error: unknown) => {
  throw error;
};

test("the relays that worked last are known after a restart, and not to a profile that takes this one's place", () => {
  const store = openedStore();
  expect(relayMemory(store, unexpected).worked()).toEqual([]);
  relayMemory(store, unexpected).save(["/ip4/52.0.0.1/tcp/1", "/ip4/52.0.0.2/tcp/1"]);
  expect(relayMemory(store, unexpected).worked()).toEqual(["/ip4/52.0.0.1/tcp/1", "/ip4/52.0.0.2/tcp/1"]);
  store.transaction(() => store.mailbox.clear());
  expect(relayMemory(store, unexpected).worked()).toEqual([]);
});

test("a disk that fails costs what is remembered, and nothing else", () => {
  const store = openedStore();
  const failures: unknown[] = [];
  const memory = relayMemory(store, (error) => failures.push(error));
  store.close();
  memory.save(["/ip4/52.0.0.1/tcp/1"]);
  expect(memory.worked()).toEqual([]);
  expect(failures).toHaveLength(2);
});
