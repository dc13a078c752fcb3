import { randomInt } from "node:crypto";

/** What made-up examples grow from: the same ones in every run, unless `SEED` names another number or is `random`. */
export const SEED = seedOf(process.env["SEED"]);

function seedOf(given = "20261121"): number {
  if (given === "random") return randomInt(2 ** 31);
  if (!/^\d{1,9}$/.test(given)) throw new TypeError(`SEED is "random" or a whole number below 10^9, not ${given}`);
  return Number(given);
}
