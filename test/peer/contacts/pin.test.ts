import { describe, expect, test } from "vitest";
import { movePin, noteChange, pin, updatePin } from "../../../peer/contacts/pin.ts";
import { bob, bobAgain, chain, first, rotated, second, swapped } from "../../support/acquaintance.ts";
import { memoryContacts } from "../../support/memory-contacts.ts";
import { NOW_MS } from "../../support/people.ts";

const answerOf = (record: typeof first) => ({ record, addresses: new Map(), mailboxes: new Map() });
const pinned = pin(answerOf(first), NOW_MS);

describe("moving a pin", () => {
  test("keeps the comparison with the same key, not with another", () => {
    const verified = { ...pinned, verified: true };
    expect(movePin(verified, answerOf(second))).toMatchObject({ seq: 2, verified: true, identity: bob.identity });
    expect(movePin(verified, answerOf(rotated))).toMatchObject({
      seq: 2,
      verified: false,
      identity: bobAgain.identity,
    });
    expect(movePin(pinned, answerOf(second)).verified).toBe(false);
  });

  test("changes what is stored by now", () => {
    const contacts = memoryContacts({ ...pinned, blocked: true });
    expect(updatePin(contacts, pinned, (contact) => movePin(contact, answerOf(second)))).toMatchObject({
      seq: 2,
      blocked: true,
    });
    expect(contacts.find(bob.username)).toMatchObject({ seq: 2, blocked: true });
  });

  test("leaves a pin alone that has moved meanwhile", () => {
    const third = movePin(pinned, answerOf(chain[2] ?? first));
    const contacts = memoryContacts(third);
    expect(updatePin(contacts, pinned, (contact) => movePin(contact, answerOf(second)))).toEqual(third);
    expect(contacts.saves).toBe(0);
  });

  test("does not bring back who was removed meanwhile", () => {
    const contacts = memoryContacts();
    updatePin(contacts, pinned, (contact) => movePin(contact, answerOf(second)));
    noteChange(contacts, pinned, swapped, NOW_MS);
    expect(contacts.list()).toEqual([]);
  });
});
