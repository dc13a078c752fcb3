import { describe, expect, test } from "vitest";
import { SendWindow } from "../../../../peer/messaging/outbound/send-window.ts";
import type { OutboxRow, OutboxStore } from "../../../../peer/messaging/store/outbox.ts";
import { deviceIdOf } from "../../../../shared/device-id.ts";
import { publicKeyOfSeed } from "../../../../shared/ed25519.ts";
import { parseUsername } from "../../../../shared/username.ts";

const DEVICE = deviceIdOf(publicKeyOfSeed(new Uint8Array(32).fill(1)));
const EPOCH = 50;

function rowOf(id: number, bytes: number): OutboxRow {
  const envelopeId = new Uint8Array(32);
  new DataView(envelopeId.buffer).setUint32(0, id);
  return {
    id,
    envelopeId,
    messageId: envelopeId.subarray(0, 16),
    to: parseUsername("bob"),
    device: DEVICE,
    seq: id,
    plaintext: new Uint8Array(bytes),
    state: "queued",
    path: null,
    tombstone: false,
    attempts: 0,
    error: undefined,
    reason: undefined,
    acceptedAtMs: 0,
    relayed: undefined,
    left: false,
  };
}

/** A window over a queue of that many rows. */
function windowOver(count: number, bytes = 256) {
  const rows = Array.from({ length: count }, (_, index) => rowOf(index + 1, bytes));
  const queued: OutboxStore["queued"] = (_device, afterId, limit) =>
    rows.filter(({ id }) => id > afterId).slice(0, limit);
  const window = new SendWindow({ queued } as OutboxStore, DEVICE);
  const send = (atMost = EPOCH) => {
    const next = window.next(atMost);
    for (const row of next) window.add(row);
    return next.map(({ id }) => id);
  };
  const answer = (...ids: number[]) => {
    for (const id of ids) window.take(rowOf(id, bytes).envelopeId);
  };
  return { window, rows, send, answer };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("the window", () => {
  test("lets a lone message go at once", () => {
    expect(windowOver(1).send()).toEqual([1]);
  });

  test("holds a small chunk back while something is in flight, and not longer", () => {
    const { send, answer } = windowOver(40);
    expect(send()).toEqual(range(1, 32));
    expect(send()).toEqual([]);
    answer(...range(1, 31));
    expect(send()).toEqual([]);
    answer(32);
    expect(send()).toEqual(range(33, 40));
  });

  test("sends full chunks, and never more than 64 messages at once", () => {
    const { send, answer } = windowOver(200);
    expect([send(), send(), send()]).toEqual([range(1, 32), range(33, 64), []]);
    answer(...range(1, 20));
    expect(send()).toEqual(range(65, 84));
  });

  test("sends no more than an epoch has room for", () => {
    const { send } = windowOver(200);
    expect([send(50), send(18), send(0)]).toEqual([range(1, 32), range(33, 50), []]);
  });

  test("stops at a mebibyte", () => {
    const { send, answer } = windowOver(200, 64 * 1024);
    expect(send()).toHaveLength(32);
    expect(send()).toEqual([]);
    answer(...range(1, 17));
    expect(send()).toHaveLength(32);
  });

  test("looks behind the last row once nothing is in flight", () => {
    const { send, answer, rows } = windowOver(3);
    send();
    rows.splice(0, 3, rowOf(2, 256));
    answer(1, 2, 3);
    expect(send()).toEqual([2]);
  });

  test("begins again at the oldest row when told to", () => {
    const { window, send } = windowOver(3);
    expect(send()).toEqual([1, 2, 3]);
    window.restart();
    expect(send()).toEqual([1, 2, 3]);
  });
});
