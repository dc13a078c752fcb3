import { describe, test } from "vitest";
import { canBuildNetworks } from "../support/capabilities.ts";
import { type Disturbance, LOSSES, MOVES, PARTITIONS, runDisturbance } from "./disturbances.ts";

const TIMEOUT_MS = 600_000;

describe
  .skipIf(!canBuildNetworks())
  .concurrent("a conversation goes on, and nothing of it is lost or shown twice, when", () => {
    for (const disturbance of [...MOVES, ...PARTITIONS, ...LOSSES]) {
      test(describeDisturbance(disturbance), { timeout: TIMEOUT_MS }, async ({ expect }) => {
        const { goesOnMs, asBeforeMs, accounts } = await runDisturbance(disturbance);
        console.log(`${describeDisturbance(disturbance)}: on after ${goesOnMs} ms, as before after ${asBeforeMs} ms`);
        for (const { written, shown } of accounts) expect(shown).toEqual(written);
        expect({ goesOnMs, asBeforeMs }).toEqual({ goesOnMs: expect.any(Number), asBeforeMs: expect.any(Number) });
      });
    }
  });

function describeDisturbance({ title, kind, path }: Disturbance): string {
  return `${title} (${kind}, ${path})`;
}
