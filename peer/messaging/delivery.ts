import type { DeviceId } from "../../shared/device-id.ts";
import { ChatError } from "../../shared/errors.ts";
import type { Username } from "../../shared/username.ts";
import type { Core } from "./core.ts";
import { serveChannel } from "./inbound/inbound-lane.ts";
import { greetAll } from "./outbound/greeting.ts";
import { PeerSender, type SenderDeps } from "./outbound/peer-sender.ts";
import { readdress } from "./outbound/readdress.ts";
import type { Channel } from "./ports/transport.ts";

/** Both directions: one sender for each device with something waiting, and an answer to every channel that opens. */
export class Delivery {
  readonly #core: Core;
  readonly #deps: SenderDeps;
  readonly #senders = new Map<DeviceId, PeerSender>();
  readonly #serving = new Map<Channel, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(deps: Omit<SenderDeps, "deviceGone">) {
    this.#core = deps;
    this.#deps = { ...deps, deviceGone: (to, gone) => this.#deviceGone(to, gone) };
  }

  /** Takes up what waits: from before, or stored by another process since. */
  start(): void {
    for (const { device, to } of this.#core.store.outbox.waiting()) this.#senderFor(device, to)?.nudge();
  }

  /**
   * New rows for that person: whoever adds them wants them to go now. What waits for a device that is not among theirs any
   * more was written before, and goes before.
   */
  deliver(to: Username, devices: readonly DeviceId[]): void {
    for (const [device, sender] of this.#senders) {
      if (sender.to === to && !devices.includes(device) && sender.hasQueued()) this.#deviceGone(to, device);
    }
    for (const device of devices) this.#senderFor(device, to)?.deliver();
  }

  /**
   * Tells the people this profile writes with, or one of them, that it is here: their outboxes need not wait for their next
   * try.
   */
  greet(only?: Username): void {
    const { store, runtime, notices } = this.#core;
    const contacts = store.contacts.list().filter(({ accepted, blocked }) => accepted && !blocked);
    const greeted = only === undefined ? contacts : contacts.filter(({ username }) => username === only);
    const greetings = greeted.flatMap(({ username, devices }) =>
      devices.map((device) => async () => this.#senderFor(device, username)?.greet()),
    );
    greetAll(runtime, greetings, this.#stopping.signal).catch(notices.failed);
  }

  /** Tries at once what waits for that device, or for everybody. */
  retry(device?: DeviceId): void {
    this.start();
    for (const [known, sender] of this.#senders) if (device === undefined || known === device) sender.retry();
  }

  /** A connection to that device came up, whoever dialled. */
  connected(device: DeviceId): void {
    this.#senders.get(device)?.connected();
  }

  /** That device waits for a commit of this side. */
  finishCommit(device: DeviceId): void {
    const contact = this.#core.store.contacts.findByDevice(device);
    if (contact !== undefined) this.#senderFor(device, contact.username)?.finishCommit();
  }

  /** The sessions with that device are over. */
  forget(device: DeviceId): void {
    const { book, notices } = this.#core;
    void book.forget(device).then(() => this.nudge(device), notices.failed);
  }

  /** The device's session changed on the inbound side. */
  nudge(device: DeviceId): void {
    this.#senders.get(device)?.nudge();
  }

  serve(channel: Channel): void {
    if (this.#stopping.signal.aborted) {
      channel.abort(new ChatError("INTERRUPTED", "stopping"));
      return;
    }
    const served = serveChannel(this.#core, channel, this.#stopping.signal);
    this.#serving.set(
      channel,
      served.finally(() => this.#serving.delete(channel)),
    );
  }

  /** Resolves once nothing touches the store any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([
      this.#deps.parcels.stop(),
      ...[...this.#senders.values()].map((sender) => sender.stop()),
      ...[...this.#serving].map(([channel, served]) => Promise.all([channel.close(), served])),
    ]);
  }

  /** What waits for it goes to the devices that are there now, and its sessions end. */
  #deviceGone(to: Username, gone: DeviceId): void {
    const { book } = this.#core;
    const devices = readdress(this.#core, to, gone);
    void book.locked(gone, async () => book.closeAll(gone)).catch(this.#core.notices.failed);
    this.deliver(to, devices);
  }

  #senderFor(device: DeviceId, to: Username): PeerSender | undefined {
    if (this.#stopping.signal.aborted) return undefined;
    const known = this.#senders.get(device);
    if (known !== undefined) return known;
    const sender = new PeerSender(this.#deps, { to, device });
    this.#senders.set(device, sender);
    return sender;
  }
}
