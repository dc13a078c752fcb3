import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { newBox, newParcel } from "../support/mailbox.ts";
import { parcelsIn, startRelayProcess } from "../support/relay-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const isDone = (work: Promise<unknown>) =>
  work.then(
    () => true,
    () => false,
  );

describe("a relay that is asked to stop", () => {
  test("in the middle of deposits, fetches, receipts and openings keeps what it confirmed, and says nothing", async () => {
    const directory = join(temporaryDirectory(), "relay");
    const relay = await startRelayProcess(directory);
    const owner = newBox();
    const parcels = Array.from({ length: 300 }, () => newParcel(8192));
    const [alice, bob, carol] = [await relay.connect(), await relay.connect(), await relay.connect()];
    await alice.open(owner.contacts);
    for (const parcel of parcels.slice(0, 50)) await bob.deposit(owner.box, owner.token(), parcel);
    // boxes are opened, emptied and filled while it stops: what of it is confirmed must hold, whatever comes of the rest
    const deposits = parcels.slice(50).map((parcel) => isDone(bob.deposit(owner.box, owner.token(), parcel)));
    const fetched = Array.from({ length: 5 }, () => isDone(alice.fetch(owner.box, 0)));
    const receipts = Array.from({ length: 50 }, (_, n) => isDone(alice.receipt(owner.key, [n + 1])));
    const boxes = Array.from({ length: 30 }, () => newBox());
    const openings = boxes.map((box) => isDone(carol.open(box.contacts)));
    await Promise.race([...deposits, ...receipts]);
    const { code, stderr } = await relay.stop();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [isStored, isDeleted, isOpened] = await Promise.all(
      [deposits, receipts, openings].map((all) => Promise.all(all)),
    );
    await Promise.all([...fetched, ...[alice, bob, carol].map((client) => client.close())]);
    {
      using database = new DatabaseSync(join(directory, "mailbox.db"), { readOnly: true });
      expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
      const { boxes: count } = database.prepare("SELECT boxes FROM totals").get() ?? {};
      expect(count).toBeGreaterThanOrEqual(1 + (isOpened?.filter(Boolean).length ?? 0));
    }
    const again = await startRelayProcess(directory);
    await using reading = await again.connect();
    await reading.open(owner.contacts);
    const found = new Set(await parcelsIn(reading, owner.box));
    const confirmed = parcels.slice(50).filter((_, n) => isStored?.[n]);
    expect(confirmed.length + (isDeleted?.filter(Boolean).length ?? 0)).toBeGreaterThan(0);
    expect(confirmed.filter((parcel) => !found.has(hexOf(parcel)))).toEqual([]);
    expect(parcels.slice(0, 50).filter((parcel, n) => isDeleted?.[n] && found.has(hexOf(parcel)))).toEqual([]);
  });
});
