import { expect, test } from "vitest";
import { SERVER_LIMITS } from "../../naming-server/limits.ts";
import { isAdmitted, parseRelayAdmission, RelayList } from "../../naming-server/relay-list.ts";
import { ChatError } from "../../shared/errors.ts";
import { expectError } from "../support/expect-error.ts";
import { NOW_MS, relayOf } from "../support/people.ts";

const [one, two] = [relayOf("one").id, relayOf("two").id];

function start(admission = parseRelayAdmission("open")) {
  const state = { nowMs: NOW_MS, reads: 0, rows: [{ relay: one, record: "one" }], failure: undefined as unknown };
  const list = new RelayList({
    store: {
      async listRelays() {
        state.reads += 1;
        if (state.failure !== undefined) throw state.failure;
        return state.rows;
      },
    },
    admission,
    now: () => state.nowMs,
  });
  return { state, list };
}

test("who is listed is everybody, nobody, or whom the operator names", async () => {
  expect([isAdmitted(parseRelayAdmission("open"), one), isAdmitted(parseRelayAdmission("closed"), one)]).toEqual([
    true,
    false,
  ]);
  const named = parseRelayAdmission(`${one}, ${two}`);
  expect(named).toEqual(new Set([one, two]));
  expect(isAdmitted(parseRelayAdmission(two), one)).toBe(false);
  for (const text of ["", "OPEN", "open,closed", `${one},`, "12D3KooW"]) {
    await expectError(() => parseRelayAdmission(text), "KEY_INVALID");
  }
});

test("the list is read once for all who ask within a second, and anew once it changed here", async () => {
  const { state, list } = start();
  const [first, second] = await Promise.all([list.read(), list.read()]);
  expect(second).toEqual(first);
  expect([first.body, first.count, state.reads]).toEqual(['{"relays":["one"]}', 1, 1]);
  state.rows = [];
  list.forget();
  expect((await list.read()).body).toBe('{"relays":[]}');
  state.nowMs += SERVER_LIMITS.cacheMaxAgeMs;
  await list.read();
  state.nowMs -= 1;
  await list.read();
  state.nowMs -= 1;
  await list.read();
  expect(state.reads).toBe(5);
});

test("a list that could not be read is read again", async () => {
  const { state, list } = start();
  state.failure = new ChatError("STORAGE", "not now");
  await expectError(list.read(), "STORAGE");
  state.failure = undefined;
  expect((await list.read()).count).toBe(1);
});

test("a relay that the operator does not name any more is left out", async () => {
  const { list } = start(parseRelayAdmission(two));
  expect(await list.read()).toMatchObject({ body: '{"relays":[]}', count: 0 });
});
