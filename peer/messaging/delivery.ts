import type { DeviceId } from "../../shared/device-id.ts";
import type { Username } from "../../shared/username.ts";
import type { Core } from "./core.ts";
import { serveChannel } from "./inbound-lane.ts";
import { PeerSender, type SenderDeps } from "./peer-sender.ts";
import type { Channel } from "./ports.ts";

/** Both directions: one sender for each device with something waiting, and an answer to every channel that opens. */
export class Delivery {
  readonly #core: Core;
  readonly #deps: SenderDeps;
  readonly #senders = new Map<DeviceId, PeerSender>();
  readonly #serving = new Set<Channel>();
  #stopped = false;

  constructor(deps: SenderDeps) {
    this.#core = deps;
    this.#deps = deps;
  }

  /** Takes up what waits from before. */
  start(): void {
    for (const { device, to } of this.#core.store.outbox.waiting()) this.#senderFor(device, to);
  }

  /** New rows for that person: whoever adds them wants them to go now. */
  deliver(to: Username, devices: readonly DeviceId[]): void {
    for (const device of devices) this.#senderFor(device, to)?.retry();
  }

  /** Tells the people this profile writes with that it is here: their outboxes need not wait for their next try. */
  greet(): void {
    for (const { username, devices, accepted, blocked } of this.#core.store.contacts.list()) {
      if (!accepted || blocked) continue;
      for (const device of devices) this.#senderFor(device, username)?.greet();
    }
  }

  /** Tries at once what waits for those, or for everybody. */
  retry(device?: DeviceId): void {
    this.start();
    for (const [known, sender] of this.#senders) if (device === undefined || known === device) sender.retry();
  }

  /** The sessions with that device are over. */
  forget(device: DeviceId): void {
    this.#core.book.forget(device);
    this.nudge(device);
  }

  /** The device's session changed on the inbound side. */
  nudge(device: DeviceId): void {
    this.#senders.get(device)?.nudge();
  }

  serve(channel: Channel): void {
    if (this.#stopped) {
      channel.abort(new Error("stopping"));
      return;
    }
    this.#serving.add(channel);
    void serveChannel(this.#core, channel).finally(() => this.#serving.delete(channel));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop()));
    await Promise.all([...this.#serving].map((channel) => channel.close()));
  }

  #senderFor(device: DeviceId, to: Username): PeerSender | undefined {
    if (this.#stopped) return undefined;
    const known = this.#senders.get(device);
    if (known !== undefined) return known;
    const sender = new PeerSender(this.#deps, { to, device });
    this.#senders.set(device, sender);
    return sender;
  }
}
