import { type Cable, Machine, type Net } from "./machine.ts";
import { createNamespace, type Namespace } from "./namespace.ts";
import { type NatKind, portOpener, routerRules, type Unsolicited } from "./router-rules.ts";
import { type Conditions, type Switch, startSwitch } from "./switch.ts";

/*
 * An internet of network namespaces: public machines, routers with networks of their own behind them, and one switch
 * between all of them that delays and loses. The addresses look public and exist in these namespaces only.
 */

export type Host = Machine;

/** Which packets vanish, as seen from a router. */
export type Way = "both" | "out" | "in";

export type Router = {
  /** The public one. */
  readonly address: string;
  addHost(): Promise<Host>;
  /** A machine from elsewhere comes here, with all that runs on it. */
  welcome(host: Host): void;
  /** Gives it another public address, and takes the old one away. */
  move(): void;
  /** Opens ports for whoever asks from behind it, from then on. */
  openPorts(): void;
  /** The packet rules it has now. */
  rules(): string;
  /** The network behind it loses the internet without a word, or half of it. */
  unplug(way?: Way): Promise<void>;
  plug(): Promise<void>;
};

type RouterOptions = {
  readonly unsolicited?: Unsolicited;
  /** Third number of the addresses inside. Two networks with the same know nothing of one another. */
  readonly lan?: number;
};

/** Of most networks at home. */
const USUAL_LAN = 7;

export class Internet implements AsyncDisposable {
  readonly #switch: Switch;
  readonly #namespaces: Namespace[];
  readonly #nextCable = counter(1);
  readonly #nets: Readonly<Record<4 | 6, Net>>;

  constructor(center: Namespace, parts: Switch) {
    this.#switch = parts;
    this.#namespaces = [center];
    const next = counter(1);
    this.#nets = {
      4: { prefix: "52.10.0.", bits: 24, version: 4, next },
      6: { prefix: "2a10:52::", bits: 64, version: 6, next },
    };
  }

  /** A machine with a public address of that IP version, and no router before it. */
  async addHost(version: 4 | 6 = 4): Promise<Host> {
    return (await this.#addPublic(version)).machine;
  }

  async addNat(kind: NatKind, { unsolicited = "drop", lan = USUAL_LAN }: RouterOptions = {}): Promise<Router> {
    const { machine, namespace, cable } = await this.#addPublic(4);
    const prefix = `192.168.${lan}.`;
    namespace.run(`
      ip link add lan0 type bridge
      ip addr add ${prefix}1/24 dev lan0
      ip link set lan0 up
      echo 1 > /proc/sys/net/ipv4/ip_forward
      nft '${routerRules(kind, unsolicited, prefix)}'`);
    const inside: Net = { prefix, bits: 24, version: 4, next: counter(2) };
    const placeOf = (pid: number) => {
      return { net: inside, gateway: `${prefix}1`, cable: this.#connectTo(namespace, pid) };
    };
    return {
      get address() {
        return machine.address;
      },
      addHost: async () => {
        const added = await this.#createNamespace();
        return new Machine(added, placeOf(added.pid));
      },
      welcome: (host) => {
        host.run("ip link del net0");
        host.settle(placeOf(host.pid));
      },
      move: () => machine.move(),
      openPorts: () => void namespace.start(portOpener(prefix)),
      rules: () => namespace.run("nft list ruleset"),
      unplug: (way = "both") => this.#cut(cable, way),
      plug: () => this.#switch.plug(cable),
    };
  }

  async setConditions(conditions: Conditions): Promise<void> {
    await this.#switch.setConditions(conditions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of this.#namespaces.toReversed()) namespace[Symbol.dispose]();
  }

  async #addPublic(version: 4 | 6) {
    const namespace = await this.#createNamespace();
    const cable = await this.#connectToSwitch(namespace);
    const ends: Cable = { unplug: () => this.#switch.unplug(cable), plug: () => this.#switch.plug(cable) };
    return { machine: new Machine(namespace, { net: this.#nets[version], cable: ends }), namespace, cable };
  }

  #cut(cable: string, way: Way): Promise<void> {
    if (way === "both") return this.#switch.unplug(cable);
    return way === "out" ? this.#switch.mute(cable) : this.#switch.deafen(cable);
  }

  async #createNamespace(): Promise<Namespace> {
    const namespace = await createNamespace(this.#namespaces[0]);
    this.#namespaces.push(namespace);
    return namespace;
  }

  async #connectToSwitch({ pid }: Namespace): Promise<string> {
    const cable = `cable${this.#nextCable()}`;
    this.#namespaces[0]?.run(`
      ip link add ${cable} type veth peer name net0 netns ${pid}
      ip link set ${cable} up`);
    await this.#switch.plug(cable);
    return cable;
  }

  /** A cable from the network behind a router to a machine that has none. */
  #connectTo(router: Namespace, pid: number): Cable {
    const port = `cable${this.#nextCable()}`;
    router.run(`
      ip link add ${port} type veth peer name net0 netns ${pid}
      ip link set ${port} master lan0 up`);
    const setState = async (state: number) => void router.run(`ip link set ${port} type bridge_slave state ${state}`);
    return { unplug: () => setState(DISABLED), plug: () => setState(FORWARDING) };
  }
}

/** Everything in it is gone when it is disposed of, or when this process ends. */
export async function createInternet(conditions: Conditions = {}): Promise<Internet> {
  const center = await createNamespace();
  const internet = new Internet(center, await startSwitch(center));
  await internet.setConditions(conditions);
  return internet;
}

/** States of a bridge's port. */
const DISABLED = 0;
const FORWARDING = 3;

function counter(first: number): () => number {
  let next = first;
  return () => {
    next += 1;
    return next - 1;
  };
}
