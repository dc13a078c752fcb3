import { fileURLToPath } from "node:url";
import type { CodeSplittingGroup } from "rolldown";

type Graph = Parameters<Extract<CodeSplittingGroup["name"], (...args: never) => unknown>>[1];
type Layers = Readonly<Record<string, readonly string[]>>;

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Puts each module into the first layer that loads it at its own start. A layer is one file, where the bundler would make
 * one of every set of modules that the same commands share: to find, read and link each of those takes longer than to run
 * what is in it.
 *
 * @param layers  by name, the modules each begins with: paths below the root of the repository
 */
export function layered(layers: Layers): CodeSplittingGroup[] {
  let layerOf: ReadonlyMap<string, string> | undefined;
  return Object.keys(layers).map((layer, index, all) => ({
    name(id, graph) {
      layerOf ??= assign(layers, graph);
      return layerOf.get(id) === layer ? layer : undefined;
    },
    // A group takes in what its modules import unless an earlier one has it.
    priority: all.length - index,
  }));
}

function assign(layers: Layers, graph: Graph): ReadonlyMap<string, string> {
  const layerOf = new Map<string, string>();
  for (const [layer, beginnings] of Object.entries(layers)) {
    const waiting = beginnings.map((path) => `${ROOT}${path}`);
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (layerOf.has(id)) continue;
      layerOf.set(id, layer);
      waiting.push(...(graph.getModuleInfo(id)?.importedIds ?? []));
    }
  }
  return layerOf;
}
