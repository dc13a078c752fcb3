import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "rolldown";

const FILE = "THIRD-PARTY.txt";
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;
const IN_PACKAGE = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+(?=[\\/])/;

/** Some packages have their licence only in a section of their README. */
const LICENCE_HEADING = /^#+ *licen[cs]e\b/i;
/** Its text, the same for everybody, stands in this repository's own LICENSE. */
const APACHE = /\bApache-2\.0\b/;
const SEE_LICENSE = "The text of Apache-2.0 is in LICENSE, beside this directory.";

type Manifest = { readonly name: string; readonly version: string; readonly license: string };

/** Directories of the packages that these modules belong to. */
function packagesOf(moduleIds: Iterable<string>): ReadonlySet<string> {
  const found = [...moduleIds].flatMap((id) => IN_PACKAGE.exec(id) ?? []);
  return new Set(found);
}

/** Name, version and licence texts of each package, ordered by name and version. */
function thirdPartyNotices(packages: Iterable<string>): string {
  const notices = new Map([...packages].map((directory) => noticeOf(directory)));
  const sorted = [...notices].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const head = "This program contains the following packages, under their own licences.\n";
  return [head, ...sorted.map(([, notice]) => notice)].join(`\n${"=".repeat(80)}\n\n`);
}

/** @throws Error where a package has the text of its licence nowhere */
function noticeOf(directory: string): [title: string, notice: string] {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
  const texts = licenceTexts(directory, license);
  if (texts.length === 0) throw new Error(`${name} ${version} comes without the text of its licence, ${license}`);
  return [`${name} ${version}`, `${name} ${version} (${license})\n\n${texts.join("\n\n")}\n`];
}

function licenceTexts(directory: string, license: string): readonly string[] {
  const names = readdirSync(directory).toSorted();
  const read = (name: string) => readFileSync(join(directory, name), "utf8").replaceAll("\r", "");
  const files = names.filter((name) => LICENCE_FILE.test(name)).map((name) => read(name).trim());
  if (files.length > 0) return files;
  const readmes = names.filter((name) => /^readme/i.test(name)).map(read);
  const sections = readmes.flatMap((text) => text.split(/^(?=#)/m)).filter((text) => LICENCE_HEADING.test(text));
  return [...sections.map((section) => section.trim()), ...(APACHE.test(license) ? [SEE_LICENSE] : [])];
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
