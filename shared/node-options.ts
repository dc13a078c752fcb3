/** Options of Node that open a debugger or write memory to disk. */
const REVEALING = /(?:^|\s)["']?--?(?:inspect|debug|heap-?prof|heapsnapshot|report|diagnostic|cpu-prof)/;

/** Whether a value of NODE_OPTIONS lets others see what a process has in memory. */
export function revealsMemory(nodeOptions: string): boolean {
  return REVEALING.test(nodeOptions);
}
