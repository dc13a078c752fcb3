import { isIPv6 } from "node:net";
import type { Connection, Stream, StreamHandler } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type DeviceId, parseDeviceId } from "../../../shared/device-id.ts";
import { ChatError } from "../../../shared/errors.ts";
import { PUNCH_PROTOCOLS } from "../../../shared/protocol.ts";
import type { PunchFrame } from "../../../shared/punch-frames.ts";
import type { Runtime } from "../../messaging/runtime.ts";
import { markPunched } from "../connection-path.ts";
import { NETWORK_LIMITS, type NetworkLimits } from "../limits.ts";
import type { Punching } from "../node.ts";
import { type Meeting, SharedPort } from "../transport/shared-port.ts";
import { isMeetable, MeetingPoints, meetingPoint } from "./meeting-points.ts";
import { askObserved } from "./observed.ts";
import { PunchAttempts, type Side } from "./punch-attempts.ts";
import { PunchDials } from "./punch-dials.ts";
import { PunchTalk } from "./punch-talk.ts";

/*
 * Two devices behind routers get off their relay: they tell each other, over the relayed connection, where relays see
 * them come from, and then dial each other there at the same moment, each from the port that its relays saw.
 * PROTOCOL.md 4.2.
 */

export type PunchingOptions = {
  readonly self: DeviceId;
  readonly isContact: (device: DeviceId) => boolean;
  /** Meet at addresses of this machine and its networks too. */
  readonly allowLocal: boolean;
  readonly runtime: Pick<Runtime, "after" | "monotonic" | "random">;
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<NetworkLimits>;
};

/** Punching for one node. */
export function createPunching(options: PunchingOptions): Punching {
  let punch: Punch | undefined;
  return {
    transport(parts, isMetThere) {
      const sharedPort = new SharedPort(parts, {
        isMetThere,
        onMetThere: (connection) => void punch?.observe(connection),
      });
      punch = new Punch(sharedPort, options);
      return sharedPort;
    },
    async start(node) {
      const handler: StreamHandler = (stream, relayed) => punch?.answer(stream, relayed);
      await node.handle(PUNCH_PROTOCOLS.punch, handler, { maxInboundStreams: 2, runOnLimitedConnection: true });
    },
    async upgrade(relayed, signal) {
      await punch?.ask(relayed, signal);
    },
    async comesFromPort(connection) {
      return (await punch?.comesFromPort(connection)) ?? true;
    },
    async observe(connection) {
      await punch?.observe(connection);
    },
  };
}

type Options = Required<PunchingOptions> & { readonly limits: NetworkLimits };

class Punch {
  readonly #sharedPort: SharedPort;
  readonly #options: Options;
  readonly #points = new MeetingPoints();
  /** Connections over which a relay is being asked. */
  readonly #observing = new Set<string>();
  readonly #attempts: PunchAttempts;
  readonly #dials: PunchDials;

  constructor(sharedPort: SharedPort, options: PunchingOptions) {
    this.#sharedPort = sharedPort;
    const { self, runtime, log = () => {} } = options;
    const limits = { ...NETWORK_LIMITS, ...options.limits };
    this.#options = { ...options, limits, log };
    this.#dials = new PunchDials({ limits, runtime });
    this.#attempts = new PunchAttempts({ self, limits, monotonic: () => runtime.monotonic() });
  }

  comesFromPort(connection: Connection): Promise<boolean> {
    return this.#sharedPort.comesFromPort(connection);
  }

  /** Learns from a connection to a relay where others can meet this node, until it closes. Never throws. */
  async observe(connection: Connection): Promise<void> {
    const { id } = connection;
    if (this.#points.has(id) || this.#observing.has(id)) return;
    this.#observing.add(id);
    try {
      await this.#observe(connection);
    } catch (error) {
      this.#options.log("not observed", { reason: String(error) });
    } finally {
      this.#observing.delete(id);
    }
  }

  async #observe(connection: Connection): Promise<void> {
    const endpoint = await askObserved(connection, this.#options);
    if (!isMeetable(endpoint, this.#options.allowLocal) || connection.status !== "open") return;
    this.#points.add(connection.id, endpoint);
    connection.addEventListener("close", () => this.#points.remove(connection.id));
  }

  /** @throws where no connection without the relay comes of it */
  ask(relayed: Connection, signal: AbortSignal): Promise<void> {
    return this.#attempt("own", relayed, signal, async (device, within) => {
      if (this.#points.own().length === 0) throw unmet("nowhere to be met");
      const options = { signal: within, runOnLimitedConnection: true };
      const stream = await relayed.newStream([PUNCH_PROTOCOLS.punch], options);
      return this.#ask(
        new PunchTalk(stream, { ...this.#options, connection: relayed, signal: within }),
        device,
        within,
      );
    });
  }

  /** Never throws. */
  async answer(stream: Stream, relayed: Connection): Promise<void> {
    try {
      const never = new AbortController().signal;
      await this.#attempt("theirs", relayed, never, (device, signal) =>
        this.#answer(new PunchTalk(stream, { ...this.#options, connection: relayed, signal }), device, signal),
      );
    } catch (error) {
      this.#options.log("not punched", { reason: String(error) });
      stream.abort(new Error("not met"));
    }
  }

  async #attempt(side: Side, relayed: Connection, signal: AbortSignal, attempt: Attempt): Promise<void> {
    const { isContact, limits } = this.#options;
    const device = parseDeviceId(relayed.remotePeer.toString());
    if (relayed.direct || !isContact(device)) throw unmet("not with this one");
    const within = AbortSignal.any([signal, AbortSignal.timeout(limits.punchTimeoutMs)]);
    const connection = await this.#attempts.run(side, device, () => attempt(device, within));
    if (connection === undefined) throw unmet("not now");
    markPunched(connection);
  }

  async #ask(talk: PunchTalk, device: DeviceId, signal: AbortSignal): Promise<Connection> {
    const { runtime } = this.#options;
    try {
      const own = this.#introduction();
      const sentAtMs = runtime.monotonic();
      await talk.send(own);
      const theirs = await talk.next("meet");
      const roundTripMs = runtime.monotonic() - sentAtMs;
      const ready = async () => {
        await talk.send({ type: "go" });
        await this.#pause(roundTripMs / 2);
      };
      return await this.#meet({ own, theirs, device, initiator: !speaksFirst(theirs, own), ready, signal });
    } finally {
      void talk.close();
    }
  }

  async #answer(talk: PunchTalk, device: DeviceId, signal: AbortSignal): Promise<Connection> {
    try {
      const theirs = await talk.next("meet");
      const own = this.#introduction();
      await talk.send(own);
      const ready = async () => void (await talk.next("go"));
      return await this.#meet({ own, theirs, device, initiator: speaksFirst(own, theirs), ready, signal });
    } finally {
      void talk.close();
    }
  }

  #introduction(): Introduction {
    const endpoints = this.#points.own();
    const ports = this.#sharedPort.ports();
    return { type: "meet", endpoints, moved: endpoints.some(({ port }) => !ports.includes(port)) };
  }

  async #meet({ own, theirs, device, ...meeting }: Acquaintance): Promise<Connection> {
    const { allowLocal } = this.#options;
    const meetable = theirs.endpoints.filter((endpoint) => isMeetable(endpoint, allowLocal));
    const point = meetingPoint(own.endpoints, meetable);
    if (point === undefined) throw unmet("no way between the two");
    const address = multiaddr(`/${isIPv6(point.host) ? "ip6" : "ip4"}/${point.host}/tcp/${point.port}/p2p/${device}`);
    const dials = this.#dials.attempt();
    if (!dials.take()) throw unmet("enough dialled for now");
    return this.#sharedPort.meet({ ...meeting, address, again: () => dials.takeLater() });
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.runtime.after(ms, resolve);
    return promise;
  }
}

type Attempt = (device: DeviceId, signal: AbortSignal) => Promise<Connection>;

type Introduction = Omit<Extract<PunchFrame, { type: "meet" }>, "v">;

type Acquaintance = Pick<Meeting, "initiator" | "ready" | "signal"> & {
  readonly own: Introduction;
  readonly theirs: Introduction;
  readonly device: DeviceId;
};

/**
 * Whoever asked speaks first on the new connection, except towards somebody whose port moves: such a one is not
 * recognized where it comes in as others do, and they speak first there.
 */
function speaksFirst(answering: Introduction, asking: Introduction): boolean {
  return answering.moved && !asking.moved;
}

function unmet(why: string): ChatError {
  return new ChatError("PEER_UNREACHABLE", why, { reason: "punch" });
}
