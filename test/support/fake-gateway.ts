import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a router on loopback answers; changed, it answers so from then on. */
export type GatewayManners = {
  externalAddress?: string;
  /** Of the description, in place of its own. */
  controlUrl?: string;
  /** Added to every answer. */
  padding?: string;
  /** Host that its answer to a search names. */
  host?: string;
  /** UPnP code with which it refuses to open a port for so long. */
  refusal?: { readonly code: number; readonly forLeases?: "all" | "limited" };
  silent?: boolean;
};

/** A router that opens ports, on loopback. */
export class FakeGateway {
  readonly manners: GatewayManners;
  /** Open ports and the leases they have. */
  readonly open = new Map<string, string>();
  readonly asked: string[] = [];
  readonly #udp = createSocket("udp4");
  readonly #http = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const [status, answer] = request.method === "GET" ? [200, this.#description()] : this.#act(body);
      response.writeHead(status, { "content-type": "text/xml" }).end(answer + (this.manners.padding ?? ""));
    });
  });

  constructor(manners: GatewayManners) {
    this.manners = manners;
  }

  get search(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.#udp.address().port };
  }

  async start(): Promise<void> {
    this.#udp.on("message", (question, from) => {
      this.asked.push("search");
      if (this.manners.silent === true || !question.toString().startsWith("M-SEARCH")) return;
      const host = this.manners.host ?? "127.0.0.1";
      const { port } = this.#http.address() as AddressInfo;
      this.#udp.send(`HTTP/1.1 200 OK\r\nLocation: http://${host}:${port}/root.xml\r\n\r\n`, from.port, from.address);
    });
    this.#http.listen(0, "127.0.0.1");
    this.#udp.bind(0, "127.0.0.1");
    await Promise.all([once(this.#http, "listening"), once(this.#udp, "listening")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  #description(): string {
    return `<root><service><serviceType>${SERVICE}</serviceType><controlURL>${this.manners.controlUrl ?? "/control"}</controlURL></service></root>`;
  }

  #act(body: string): [number, string] {
    const action = /<u:(\w+)/.exec(body)?.[1] ?? "";
    const member = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? "";
    this.asked.push(action);
    const port = `${member("NewProtocol")} ${member("NewExternalPort")}`;
    if (action === "AddPortMapping") {
      const { code, forLeases = "all" } = this.manners.refusal ?? {};
      const refuses = code !== undefined && (forLeases === "all" || member("NewLeaseDuration") !== "0");
      if (refuses) return [500, `<errorCode>${code}</errorCode>`];
      this.open.set(port, member("NewLeaseDuration"));
    }
    if (action === "DeletePortMapping") this.open.delete(port);
    const address = this.manners.externalAddress ?? "198.51.100.7";
    return [200, action === "GetExternalIPAddress" ? `<NewExternalIPAddress>${address}</NewExternalIPAddress>` : ""];
  }
}

const SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1";

export async function startGateway(manners: GatewayManners = {}): Promise<FakeGateway> {
  const gateway = new FakeGateway(manners);
  await gateway.start();
  return gateway;
}
