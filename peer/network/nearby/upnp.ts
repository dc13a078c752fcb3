import { isIPv4 } from "node:net";
import { ipScope } from "../../../shared/ip-scope.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import type { NetworkLimits } from "../limits.ts";
import { callGateway, findGateway, type Gateway, GatewayRefusal, SEARCH, type SearchOptions } from "./upnp-gateway.ts";

type Options = {
  /** The port on which this device listens at one of its own IPv4 addresses. */
  readonly portAt: (ownAddress: string) => number | undefined;
  readonly allowLocal: boolean;
  readonly runtime: Pick<Runtime, "after">;
  readonly limits: Pick<NetworkLimits, "upnpTimeoutMs" | "upnpUnmapTimeoutMs" | "upnpRenewMs" | "upnpRetryMs">;
  /** `address` is another than before. */
  readonly onChanged: () => void;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  /** Where routers are asked for; by default the local network. */
  readonly search?: SearchOptions["search"];
};

type Mapping = { readonly gateway: Gateway; readonly port: number };

/** Outlives a renewal that fails, and ends soon after a device that vanished. */
const LEASE_SECONDS = 3600;
/** UPnP's code of a router that knows no leases. */
const ONLY_PERMANENT_LEASES = 725;

/**
 * Keeps the listener's port open at the local network's router, and knows the address that this gives. What the router
 * says of it is believed no further than that others are told to try it.
 */
export class Upnp {
  readonly #options: Options;
  readonly #stopped = new AbortController();
  #mapping: Mapping | undefined;
  #address: string | undefined;
  #attempt: Promise<void> | undefined;
  #cancel = () => {};

  constructor(options: Options) {
    this.#options = options;
    this.refresh();
  }

  /** Multiaddr without a peer id; undefined while no port is open. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Asks again, as at the start: the network may be another. */
  refresh(): void {
    if (this.#stopped.signal.aborted || this.#attempt !== undefined) return;
    this.#cancel();
    this.#attempt = this.#map().finally(() => {
      this.#attempt = undefined;
    });
  }

  /** Closes the port again, where the router still answers. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error("stopped"));
    this.#cancel();
    await this.#attempt;
    this.#address = undefined;
    await this.#closeUnless(undefined);
  }

  async #map(): Promise<void> {
    const { limits, runtime } = this.#options;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(limits.upnpTimeoutMs)]);
    let address: string | undefined;
    try {
      address = await this.#open(signal);
    } catch (error) {
      this.#logFailure(error);
    }
    if (this.#stopped.signal.aborted) return;
    const isOther = address !== this.#address;
    this.#address = address;
    const againMs = address === undefined ? limits.upnpRetryMs : limits.upnpRenewMs;
    this.#cancel = runtime.after(againMs, () => this.refresh());
    if (isOther) this.#options.onChanged();
  }

  async #open(signal: AbortSignal): Promise<string> {
    const { allowLocal, search = SEARCH, portAt } = this.#options;
    const gateway = await findGateway({ search, allowLocal }, signal);
    const port = portAt(gateway.ownAddress);
    // asked first: behind a second router the port would be open to nobody
    const answer = await callGateway(gateway, "GetExternalIPAddress", [], signal);
    const host = /<NewExternalIPAddress>\s*([\d.]{7,15})\s*</.exec(answer)?.[1] ?? "";
    const mapping = port !== undefined && isUsable(host, allowLocal) ? { gateway, port } : undefined;
    // before the next: a router may refuse one port to two addresses of the same device
    await this.#closeUnless(mapping);
    if (port === undefined) throw new Error("nothing listens where the router would send connections");
    if (mapping === undefined) throw new Error("the router has no public address");
    signal.throwIfAborted();
    // before the answer: what is asked for may be done though the answer gets lost
    this.#mapping = mapping;
    await requestMapping(mapping, signal);
    return `/ip4/${host}/tcp/${port}`;
  }

  /** Has the port of before closed, unless it is the one that is wanted now. */
  async #closeUnless(wanted: Mapping | undefined): Promise<void> {
    const open = this.#mapping;
    if (open === undefined || (wanted !== undefined && isSame(open, wanted))) return;
    this.#mapping = undefined;
    const members = [["NewRemoteHost", ""] as const, ["NewExternalPort", open.port] as const, TCP];
    const signal = AbortSignal.timeout(this.#options.limits.upnpUnmapTimeoutMs);
    await callGateway(open.gateway, "DeletePortMapping", members, signal).catch((error) => this.#logFailure(error));
  }

  #logFailure(error: unknown): void {
    this.#options.log("no port opened at the router", { error: String(error) });
  }
}

const TCP = ["NewProtocol", "TCP"] as const;

function isSame(a: Mapping, b: Mapping): boolean {
  return (
    a.port === b.port &&
    a.gateway.control.href === b.gateway.control.href &&
    a.gateway.ownAddress === b.gateway.ownAddress
  );
}

async function requestMapping({ gateway, port }: Mapping, signal: AbortSignal): Promise<void> {
  const ask = (leaseSeconds: number) => {
    const members = [
      ["NewRemoteHost", ""],
      ["NewExternalPort", port],
      TCP,
      ["NewInternalPort", port],
      ["NewInternalClient", gateway.ownAddress],
      ["NewEnabled", 1],
      ["NewPortMappingDescription", "p2pchat"],
      ["NewLeaseDuration", leaseSeconds],
    ] as const;
    return callGateway(gateway, "AddPortMapping", members, signal);
  };
  try {
    await ask(LEASE_SECONDS);
  } catch (error) {
    if (!(error instanceof GatewayRefusal) || error.code !== ONLY_PERMANENT_LEASES) throw error;
    await ask(0);
  }
}

/** What a router may say its address is, for others to be told of it. */
export function isUsable(host: string, allowLocal: boolean): boolean {
  const scope = isIPv4(host) ? ipScope(host) : undefined;
  return scope === "global" || (allowLocal && (scope === "private" || scope === "loopback"));
}
