import { createNamespace, type Namespace, type Spoken } from "./namespace.ts";
import { type Conditions, type Switch, startSwitch } from "./switch.ts";

/*
 * An internet of network namespaces: public machines, routers with networks of their own behind them, and one switch
 * between all of them that delays and loses. The addresses look public and exist in these namespaces only.
 */

/**
 * What a router does with connections from its network: `masq` keeps their port where it can, `sym` gives each another
 * port, `fwd` keeps it too and lets one port in, to the first machine.
 */
export type NatKind = "masq" | "sym" | "fwd";

/** What a router does with packets that nobody inside asked for. */
export type Unsolicited = "drop" | "refuse";

/** The port that a router of kind `fwd` lets in. */
export const FORWARDED_PORT = 4001;

/** A machine: a namespace with one cable. */
export type Host = {
  /** IPv4, or IPv6 for a machine that has no other. */
  readonly address: string;
  /** Starts a command on it. */
  readonly wrapper: readonly string[];
  /** Runs a shell script on it, to its end. */
  run(script: string): string;
  /** Starts a command that ends with the internet at the latest. */
  start(command: readonly string[]): Spoken;
  /** Packets both ways vanish without a word, until it is plugged in again. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** Gives it another address in the same network, and takes the old one away. */
  move(): void;
};

export type Router = {
  /** The public one. */
  readonly address: string;
  addHost(): Promise<Host>;
  /** Opens ports for whoever asks from behind it, from then on. */
  openPorts(): void;
  /** The packet rules it has now. */
  rules(): string;
  /** The network behind it loses the internet without a word. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
};

export class Internet implements AsyncDisposable {
  readonly #switch: Switch;
  readonly #namespaces: Namespace[];
  readonly #nextHost = counter(1);
  readonly #nextCable = counter(1);

  constructor(center: Namespace, parts: Switch) {
    this.#switch = parts;
    this.#namespaces = [center];
  }

  /** A machine with a public address of that IP version, and no router before it. */
  async addHost(version: 4 | 6 = 4): Promise<Host> {
    const namespace = await this.#createNamespace();
    const cable = await this.#connect(namespace);
    const net = version === 4 ? PUBLIC : PUBLIC6;
    return Object.assign(machine(namespace, net, this.#nextHost), this.#plugs(cable));
  }

  async addNat(kind: NatKind, { unsolicited = "drop" }: { unsolicited?: Unsolicited } = {}): Promise<Router> {
    const namespace = await this.#createNamespace();
    const cable = await this.#connect(namespace);
    const { address } = machine(namespace, PUBLIC, this.#nextHost);
    namespace.run(`
      ip link add lan0 type bridge
      ip addr add ${LAN.prefix}1/24 dev lan0
      ip link set lan0 up
      echo 1 > /proc/sys/net/ipv4/ip_forward
      nft '${nftables(kind, unsolicited)}'`);
    const behind = counter(2);
    return {
      address,
      addHost: () => this.#addBehind(namespace, behind),
      openPorts: () => void namespace.start(MINIUPNPD),
      rules: () => namespace.run("nft list ruleset"),
      ...this.#plugs(cable),
    };
  }

  async setConditions(conditions: Conditions): Promise<void> {
    await this.#switch.setConditions(conditions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of this.#namespaces.toReversed()) namespace[Symbol.dispose]();
  }

  async #addBehind(router: Namespace, next: () => number): Promise<Host> {
    const namespace = await this.#createNamespace();
    const port = `cable${this.#nextCable()}`;
    router.run(`
      ip link add ${port} type veth peer name net0 netns ${namespace.pid}
      ip link set ${port} master lan0 up`);
    const setState = async (state: number) => void router.run(`ip link set ${port} type bridge_slave state ${state}`);
    const host = machine(namespace, LAN, next);
    namespace.run(`ip route add default via ${LAN.prefix}1`);
    return Object.assign(host, { unplug: () => setState(DISABLED), plug: () => setState(FORWARDING) });
  }

  async #createNamespace(): Promise<Namespace> {
    const namespace = await createNamespace(this.#namespaces[0]);
    this.#namespaces.push(namespace);
    return namespace;
  }

  /** A cable from there to the switch. */
  async #connect(namespace: Namespace): Promise<string> {
    const cable = `cable${this.#nextCable()}`;
    this.#namespaces[0]?.run(`
      ip link add ${cable} type veth peer name net0 netns ${namespace.pid}
      ip link set ${cable} up`);
    await this.#switch.plug(cable);
    return cable;
  }

  #plugs(cable: string): Pick<Host, "plug" | "unplug"> {
    return { plug: () => this.#switch.plug(cable), unplug: () => this.#switch.unplug(cable) };
  }
}

/** Everything in it is gone when it is disposed of, or when this process ends. */
export async function createInternet(conditions: Conditions = {}): Promise<Internet> {
  const center = await createNamespace();
  const internet = new Internet(center, await startSwitch(center));
  await internet.setConditions(conditions);
  return internet;
}

type Net = { readonly prefix: string; readonly bits: number };

const PUBLIC: Net = { prefix: "52.10.0.", bits: 24 };
const PUBLIC6: Net = { prefix: "2a10:52::", bits: 64 };
const LAN: Net = { prefix: "192.168.7.", bits: 24 };

/** States of a bridge's port. */
const DISABLED = 0;
const FORWARDING = 3;

function machine(
  namespace: Namespace,
  net: Net,
  next: () => number,
): Pick<Host, "address" | "wrapper" | "run" | "start" | "move"> {
  let address = "";
  // others could otherwise not be reached for a second: duplicate addresses are not looked for
  const add = () => {
    address = `${net.prefix}${next()}`;
    const nodad = net === PUBLIC6 ? "nodad" : "";
    namespace.run(`ip addr add ${address}/${net.bits} dev net0 ${nodad}; ip link set net0 up`);
  };
  const move = () => {
    const routes = namespace.run("ip route show default").trim();
    namespace.run(`ip addr del ${address}/${net.bits} dev net0`);
    add();
    if (routes !== "") namespace.run(`ip route replace ${routes}`);
  };
  add();
  return {
    get address() {
      return address;
    },
    wrapper: namespace.wrapper,
    run: (script) => namespace.run(script),
    start: (command) => namespace.start(command),
    move,
  };
}

function nftables(kind: NatKind, unsolicited: Unsolicited): string {
  const verdict = unsolicited === "drop" ? "drop" : "meta l4proto tcp reject with tcp reset";
  const forward = kind === "fwd" ? `iifname net0 tcp dport ${FORWARDED_PORT} dnat to ${LAN.prefix}2` : "";
  return `
    table ip router {
      chain out {
        type nat hook postrouting priority srcnat;
        oifname net0 masquerade ${kind === "sym" ? "fully-random" : ""}
      }
      chain in {
        type nat hook prerouting priority dstnat;
        ${forward}
      }
      chain own {
        type filter hook input priority filter;
        iifname net0 ct state established,related accept
        iifname net0 ${verdict}
      }
      chain through {
        type filter hook forward priority filter;
        iifname lan0 accept
        ct state established,related accept
        ct status dnat accept
        ${verdict}
      }
    }`;
}

/** Its chains are beside those of the router; what it cannot write, its process id, it does without. */
const MINIUPNPD = [
  "bash",
  "-ec",
  `nft 'table inet upnp {
    chain through { type filter hook forward priority filter; }
    chain in { type nat hook prerouting priority dstnat; }
    chain out { type nat hook postrouting priority srcnat; }
  }'
  exec miniupnpd -d -f /dev/fd/3 -P /nonexistent/pid 2> /dev/null 3<<'END'
ext_ifname=net0
listening_ip=lan0
enable_natpmp=no
enable_upnp=yes
secure_mode=yes
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=through
upnp_nat_chain=in
upnp_nat_postrouting_chain=out
allow 1024-65535 ${LAN.prefix}0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
END
`,
] as const;

function counter(first: number): () => number {
  let next = first;
  return () => {
    next += 1;
    return next - 1;
  };
}
