/**
 * Remembers the results of a function of one text, `max` of them at the most; then it begins anew. For values that are
 * asked for again and again and cost more than a look-up. What throws is not remembered.
 */
export function remember<T>(max: number, compute: (key: string) => T): (key: string) => T {
  const known = new Map<string, T>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = compute(key);
    if (known.size >= max) known.clear();
    known.set(key, value);
    return value;
  };
}
