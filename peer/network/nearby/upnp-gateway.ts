import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { ipScope } from "../../../shared/ip-scope.ts";

/** A router that opens ports for whoever asks on its network. */
export type Gateway = {
  readonly control: URL;
  /** As the router names it, of version 1 or 2. */
  readonly service: string;
  /** Of this device, as the router sees it. */
  readonly ownAddress: string;
};

/** The router's refusal: a code of the UPnP specifications. */
export class GatewayRefusal extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`the router refused: ${code}`);
    this.code = code;
  }
}

/** Where routers listen for a search. */
export const SEARCH = { host: "239.255.255.250", port: 1900 } as const;

export type SearchOptions = {
  readonly search: { readonly host: string; readonly port: number };
  /** Believe a router on this machine. */
  readonly allowLocal: boolean;
};

const DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
const SERVICE = /<serviceType>\s*(urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12])\s*<\/serviceType>/;
const CONTROL = /<controlURL>\s*([^<\s]{1,512})\s*<\/controlURL>/;
/** Descriptions of real routers have a few KiB. */
const MAX_BYTES = 64 * 1024;

/**
 * Asks the local network for a router and takes the first that answers. Whoever answers can only name itself: this
 * device would otherwise send requests to a machine of a stranger's choice.
 *
 * @throws where none answers, or what it says cannot be used
 */
export async function findGateway(options: SearchOptions, signal: AbortSignal): Promise<Gateway> {
  const location = await searchLocation(options, signal);
  const description = await request(location, {}, signal);
  const service = SERVICE.exec(description);
  const control = CONTROL.exec(description.slice(service?.index ?? description.length));
  if (service?.[1] === undefined || control?.[1] === undefined) throw new Error("a router that opens no ports");
  const url = new URL(control[1], location);
  if (url.host !== location.host || url.protocol !== "http:") throw new Error("a router that names another machine");
  return { control: url, service: service[1], ownAddress: await ownAddressTowards(location.hostname) };
}

/** @throws GatewayRefusal, or whatever keeps the router from answering */
export async function callGateway(
  { control, service }: Gateway,
  action: string,
  members: readonly (readonly [string, string | number])[],
  signal: AbortSignal,
): Promise<string> {
  const inside = members.map(([name, value]) => `<${name}>${value}</${name}>`).join("");
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${service}">${inside}</u:${action}></s:Body></s:Envelope>`;
  const headers = { "content-type": 'text/xml; charset="utf-8"', soapaction: `"${service}#${action}"` };
  return request(control, { method: "POST", headers, body }, signal);
}

async function searchLocation({ search, allowLocal }: SearchOptions, signal: AbortSignal): Promise<URL> {
  const socket = createSocket("udp4");
  try {
    const found = new Promise<URL>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      socket.on("error", reject);
      socket.on("message", (answer, from) => {
        const location = locationOf(answer, from, allowLocal);
        if (location !== undefined) resolve(location);
      });
    });
    signal.throwIfAborted();
    const question = `M-SEARCH * HTTP/1.1\r\nHOST: ${SEARCH.host}:${SEARCH.port}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${DEVICE}\r\n\r\n`;
    socket.send(question, search.port, search.host);
    return await found;
  } finally {
    socket.close();
  }
}

function locationOf(answer: Buffer, { address }: RemoteInfo, allowLocal: boolean): URL | undefined {
  const text = /^location:[ \t]*(\S{1,512})[ \t]*$/im.exec(answer.toString("latin1"))?.[1];
  if (text === undefined || !URL.canParse(text)) return undefined;
  const scope = ipScope(address);
  if (scope !== "private" && !(allowLocal && scope === "loopback")) return undefined;
  const location = new URL(text);
  return location.protocol === "http:" && location.hostname === address ? location : undefined;
}

async function ownAddressTowards(host: string): Promise<string> {
  const socket = createSocket("udp4");
  try {
    // sends nothing: the system only decides on a route
    socket.connect(SEARCH.port, host);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}

async function request(url: URL, init: RequestInit, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { ...init, signal, redirect: "error" });
  const text = await readBounded(response);
  if (response.ok) return text;
  throw new GatewayRefusal(Number(/<errorCode>\s*(\d{1,4})\s*</.exec(text)?.[1] ?? response.status));
}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error("a router that says too much");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
