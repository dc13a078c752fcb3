import { onTestFinished } from "vitest";
import type { ForgetBefore, Store } from "../../naming-server/storage/store.ts";
import { NOW_SECONDS, type Person, recordOf } from "./people.ts";
import { rowOf } from "./record-row.ts";

/** A database of its own for one test; `open` may be called again, for a restart or a second instance. */
export type StoreFactory = () => { open(): Promise<Store> };

export type StoreUnderTest = {
  /** Its database, as people call it. */
  readonly engine: string;
  readonly createFactory: StoreFactory;
  /** A store that closes with the test; with an empty database unless it is told which. */
  openStore(factory?: ReturnType<StoreFactory>): Promise<Store>;
  storeWith(...people: Person[]): Promise<Store>;
};

export function storeUnderTest(engine: string, createFactory: StoreFactory): StoreUnderTest {
  async function openStore(factory = createFactory()): Promise<Store> {
    const store = await factory.open();
    onTestFinished(() => store.close());
    return store;
  }

  async function storeWith(...people: Person[]): Promise<Store> {
    const store = await openStore();
    for (const person of people) await store.createName(rowOf(await recordOf(person)));
    return store;
  }

  return { engine, createFactory, openStore, storeWith };
}

/** For a sweep that is to forget one kind of thing only. */
export const NOTHING_YET: ForgetBefore = {
  assertions: 0,
  addresses: 0,
  mailboxes: 0,
  relays: 0,
  claims: 0,
  transitions: 0,
  allowances: 0,
};

export const addressOf = (person: Person, seq: number, record = `record ${seq}`, expires = NOW_SECONDS + 600) => ({
  name: person.username,
  device: person.device,
  seq,
  expires,
  record,
  at: NOW_SECONDS,
});
