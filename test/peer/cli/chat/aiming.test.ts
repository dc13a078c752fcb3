import { describe, expect, test } from "vitest";
import { currentOf, type Effect, type Happening } from "../../../../peer/cli/chat/model.ts";
import { arrival, message, order, page, press, type Run, screenOf, type } from "../../../support/chat.ts";

const mine = (number: number) => message(number, { direction: "out", state: "stored" });
const altered = ({ effects }: Run) =>
  effects.flatMap((effect) => (effect.do === "alter" ? [[effect.alteration.kind, effect.key]] : []));
const sent = ({ effects }: Run) =>
  effects.filter((effect): effect is Extract<Effect, { do: "send" }> => effect.do === "send");
const isSafe = (number: number): Happening => {
  return { type: "sent", with: "bob", local: "new/1", id: mine(number).id, state: "queued" };
};
const textOf = ({ state }: Run) => currentOf(state).draft.text;
const start = () => screenOf().did(page([message(1), mine(2), message(3)]));

describe("an order about the newest message", () => {
  test("is not carried out where another one came while it was typed; Enter once more means that one", () => {
    const run = start().did(type("/react +1"), arrival(9), ...press("enter"));
    expect([altered(run), textOf(run)]).toEqual([[], "/react +1"]);
    expect(run.state.notice).toMatchObject({ kind: "warning", text: expect.stringContaining("newer") });
    run.did(...press("enter"));
    expect([altered(run), textOf(run)]).toEqual([[["react", `in/${message(9).id}`]], ""]);
  });

  test("is carried out where what came while it was typed is of the other side", () => {
    const run = start().did(type("/delete"), arrival(9), ...press("enter"));
    expect(altered(run)).toEqual([["delete", `out/${mine(2).id}`]]);
  });

  test("is not carried out where the message went away while it was typed", () => {
    const { id } = mine(2);
    const gone: Happening = { type: "altered", with: "bob", key: `out/${id}`, alteration: { kind: "delete" } };
    const run = start().did(type("/delete"), gone, ...press("enter"));
    expect([altered(run), textOf(run)]).toEqual([[], "/delete"]);
  });

  test("is about what came before it was begun, and begun anew about what came since", () => {
    const run = start().did(type("/react +1"), arrival(9), ...press("ctrl-u"), ...order("/react +1"));
    expect(altered(run)).toEqual([["react", `in/${message(9).id}`]]);
  });

  test("is about the picked one, whatever comes", () => {
    const run = start().did(type("/react +1"), ...press("alt-up"), arrival(9), ...press("enter"));
    expect(altered(run)).toEqual([["react", `in/${message(3).id}`]]);
  });

  test("means the own message that is on its way to the outbox, and waits for it to be there", () => {
    const run = start().did(...order("a slip"), ...order("/delete"));
    expect(altered(run)).toEqual([]);
    expect(run.state.notice).toMatchObject({ text: expect.stringContaining("still on its way") });
    run.did(type("/delete"), isSafe(7), ...press("enter"));
    expect(altered(run)).toEqual([["delete", `out/${mine(7).id}`]]);
  });

  test("answers nobody else's message", () => {
    const run = start().did(type("/reply yes"), arrival(9), ...press("enter"));
    expect(sent(run)).toEqual([]);
    run.did(...press("enter"));
    expect(sent(run)).toMatchObject([{ text: "yes", replyTo: message(9).id }]);
  });
});
