import { readFileSync } from "node:fs";

/** The kernel counts CPU time in hundredths of a second. */
const TICK_MS = 10;
const KIB = 1024;
/** Places in proc_pid_stat(5), counted from behind the command in parentheses. */
const FIELD = { utime: 11, stime: 12, cutime: 13, cstime: 14 } as const;

/** Milliseconds of CPU that a process has used, in whole ticks. */
export function cpuMs(pid: number): number {
  const fields = statOf(String(pid));
  return (fields(FIELD.utime) + fields(FIELD.stime)) * TICK_MS;
}

/** Milliseconds of CPU that ended children of this process had used, in whole ticks. */
export function endedChildrenCpuMs(): number {
  const fields = statOf("self");
  return (fields(FIELD.cutime) + fields(FIELD.cstime)) * TICK_MS;
}

function statOf(pid: string): (field: number) => number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (field) => Number(fields[field]);
}

/** Resident memory in megabytes of 10^6 bytes. */
export function residentMegabytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kibibytes) * KIB) / 1e6;
}
