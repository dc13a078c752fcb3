/** Milliseconds on a clock that never jumps. The global `performance` would cost a short command time to load. */
export function monotonicMs(): number {
  return process.uptime() * 1000;
}
