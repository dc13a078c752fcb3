import { ChatError } from "../../shared/errors.ts";
import { audienceSchema } from "../../shared/schemas.ts";

declare const brand: unique symbol;

/** A naming server's URL as this computer reaches it: origin and optional path, no trailing slash. */
export type ServerUrl = string & { readonly [brand]: "ServerUrl" };

/**
 * Reads what people type: `names.example.org`, `localhost:8080`, `https://example.org/names/`. Without a scheme, another
 * computer means https and this one http. Plain http to another computer shows it who looks whom up, and anyone in
 * between the access tokens.
 *
 * @throws ChatError CONFIG_INVALID; HTTP_REFUSED unless `allowHttp`
 */
export function parseServerUrl(typed: string, options: { allowHttp?: boolean } = {}): ServerUrl {
  const trimmed = typed.trim();
  const url = readUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : withScheme(trimmed));
  const text = url.href.replace(/\/+$/, "");
  if (!audienceSchema.safeParse(text).success) throw refuse(typed);
  if (url.protocol === "http:" && !isLoopback(text as ServerUrl) && !options.allowHttp) {
    throw new ChatError("HTTP_REFUSED", `${text} is not encrypted; use https, or allow http explicitly`);
  }
  return text as ServerUrl;
}

function withScheme(hostAndPath: string): string {
  if (hostAndPath.startsWith("/")) throw refuse(hostAndPath);
  const { hostname } = readUrl(`https://${hostAndPath}`);
  return `${isLoopbackHost(hostname) ? "http" : "https"}://${hostAndPath}`;
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") throw refuse(text);
  return url;
}

const refuse = (typed: string) =>
  new ChatError("CONFIG_INVALID", `"${typed.slice(0, 200)}" is not the URL of a naming server`);

/** True where the naming server runs on this computer. */
export function isLoopback(url: ServerUrl): boolean {
  return isLoopbackHost(new URL(url).hostname);
}

/** `hostname` as the URL parser leaves it: lower case, addresses in their one normal form. */
function isLoopbackHost(hostname: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|\[::1\]|(?:.+\.)?localhost)$/.test(hostname);
}
