import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { Summary } from "./statistics.ts";

export type Target = { readonly atLeast: number } | { readonly atMost: number };

/** One measurement; without a target it is for information. */
export type Row = Summary & {
  readonly measure: string;
  readonly unit: "x" | "ms" | "µs" | "MB" | "KB" | "s" | "/s" | "%" | "";
  readonly target?: Target;
};

export type Part = { readonly name: string; readonly rows: readonly Row[] };

const RESULTS = new URL("../results/", import.meta.url).pathname;

export function isMet({ median, target }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  return "atLeast" in target ? median >= target.atLeast : median <= target.atMost;
}

export function printPart({ name, rows }: Part): void {
  const cells = rows.map((row) => [
    row.measure,
    number(row.median),
    row.unit,
    range(row),
    goal(row.target),
    verdict(row),
  ]);
  const table = [["measure", "median", "", "min-max", "target", ""], ...cells];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  console.log(`\n${name}`);
  for (const line of table) {
    console.log(`  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
  }
}

/** Leaves the numbers for programs; answers where. */
export function saveResults(parts: readonly Part[], facts: object): string {
  mkdirSync(RESULTS, { recursive: true });
  const at = new Date().toISOString();
  const path = join(RESULTS, `${at.replaceAll(":", "-")}.json`);
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, loadAverage: loadavg() };
  const measured = parts.map(({ name, rows }) => ({ name, rows: rows.map((row) => ({ ...row, met: isMet(row) })) }));
  writeFileSync(path, `${JSON.stringify({ at, machine, ...facts, parts: measured }, undefined, 2)}\n`);
  return path;
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function range({ min, max }: Row): string {
  return min === max ? "" : `${number(min)} - ${number(max)}`;
}

function goal(target: Target | undefined): string {
  if (target === undefined) return "";
  return "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}

function verdict(row: Row): string {
  const met = isMet(row);
  return met === undefined ? "" : met ? "met" : "MISSED";
}
