import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "rolldown";

const FILE = "THIRD-PARTY.txt";
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;
const IN_PACKAGE = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/;

/** Its text, the same for everybody, stands in this repository's own LICENSE. */
const APACHE = /^(?:Apache-2\.0(?: OR MIT)?|MIT OR Apache-2\.0)$/;

const NO_TEXT = "The package holds no text of its licence; that of Apache-2.0 is in LICENSE, beside this directory.";

type Manifest = { readonly name: string; readonly version: string; readonly license: string };

/** Directories of the packages that these modules belong to. */
export function packagesOf(moduleIds: Iterable<string>): ReadonlySet<string> {
  const found = [...moduleIds].flatMap((id) => IN_PACKAGE.exec(id) ?? []);
  return new Set(found);
}

/** Name, version and licence texts of each package, ordered by name and version. */
export function thirdPartyNotices(packages: Iterable<string>): string {
  const notices = new Map([...packages].map((directory) => noticeOf(directory)));
  const sorted = [...notices].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const head = "This program contains the following packages, under their own licences.\n";
  return [head, ...sorted.map(([, notice]) => notice)].join(`\n${"=".repeat(80)}\n\n`);
}

/** @throws Error where a package names a licence whose text is nowhere */
function noticeOf(directory: string): [title: string, notice: string] {
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
  const title = `${manifest.name} ${manifest.version}`;
  const texts = licenceTexts(directory);
  if (texts.length === 0 && !APACHE.test(manifest.license)) throw new Error(`${title} has no licence text`);
  const body = texts.length > 0 ? texts : [NO_TEXT];
  return [title, `${title} (${manifest.license})\n\n${body.join("\n\n")}\n`];
}

function licenceTexts(directory: string): readonly string[] {
  const files = readdirSync(directory).filter((name) => LICENCE_FILE.test(name));
  return files.toSorted().map((name) => readFileSync(join(directory, name), "utf8").trim().replaceAll("\r", ""));
}

/** Writes the notices of all programs that are built with it beside their directories. */
export function thirdParty(): Plugin {
  const packages = new Set<string>();
  return {
    name: "third-party",
    writeBundle({ dir = "." }, bundle) {
      for (const part of Object.values(bundle)) {
        const moduleIds = part.type === "chunk" ? part.moduleIds : [];
        for (const directory of packagesOf(moduleIds)) packages.add(directory);
      }
      writeFileSync(join(dirname(dir), FILE), thirdPartyNotices(packages));
    },
  };
}
