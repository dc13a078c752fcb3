import type { Plugin } from "rolldown";

/*
 * What packages bring along that takes long to load and that nothing here needs. Of yargs: its help is ASCII without escape
 * sequences or words longer than a line, and a test compares it with that of the sources.
 */
const SUBSTITUTES: Readonly<Record<string, string>> = {
  // Tables of emoji.
  "string-width": "export default (text) => text.length;",
  // Colours that go on in the next line.
  "wrap-ansi": `export default (text, columns) => text.split("\\n").map((line) => wrapped(line, columns)).join("\\n");
    function wrapped(line, columns) {
      const rows = [""];
      for (const word of line.trim().split(/ +/)) {
        const row = rows[rows.length - 1];
        if (row === "") rows[rows.length - 1] = word;
        else if (row.length + 1 + word.length > columns) rows.push(word);
        else rows[rows.length - 1] += " " + word;
      }
      return rows.join("\\n");
    }`,
  // The version, which we say ourselves, from the nearest package.json.
  "escalade/sync": "export default () => undefined;",
  // Of calls that only a mistake of our own could make fail; with colours for them, and a look at the terminal.
  assert: "export const notStrictEqual = () => {}, strictEqual = () => {};",
  // WebAssembly of libp2p's Noise, which hashes with node:crypto.
  "@chainsafe/as-sha256": `export const digest = () => { throw new Error("as-sha256 is not built in"); };`,
};

const MARK = "\0light:";

export const light: Plugin = {
  name: "light",
  resolveId: (id) => (Object.hasOwn(SUBSTITUTES, id) ? `${MARK}${id}` : undefined),
  load: (id) => (id.startsWith(MARK) ? SUBSTITUTES[id.slice(MARK.length)] : undefined),
};
