/** What a process of the sandbox printed with `--json`. */
export type EventLine = Readonly<Record<string, unknown>> & { readonly type: string };

export type Ended = { readonly code: number | null; readonly signal: string | null; readonly stderr: string };

export type SandboxOptions = {
  readonly peers: number | readonly string[];
  readonly relays: number;
  readonly directory?: string;
  readonly onEvent: (peer: string, event: EventLine) => void;
  readonly onDeath: (name: string, death: Ended) => void;
  readonly signal: AbortSignal;
};

/** A process that can be started and ended again and again. */
export interface Station {
  readonly name: string;
  readonly state: "running" | "frozen" | "stopped";
  readonly pid: number | undefined;
  start(): Promise<void>;
  stop(): Promise<unknown>;
  kill(): Promise<unknown>;
  freeze(): void;
  thaw(): void;
}

export interface Peer extends Station {
  readonly address: string;
  send(to: string, text: string, ...options: readonly string[]): Promise<{ readonly line: EventLine }>;
}

export type LinkFaults = {
  readonly between: readonly [string, string];
  readonly faults: {
    readonly cut: boolean;
    readonly dropped: boolean;
    readonly delayMs: number;
    readonly bytesPerSecond: number;
  };
};

/** What the command needs of a sandbox that runs. */
export interface RunningSandbox extends AsyncDisposable {
  readonly directory: string;
  readonly server: Station & { readonly url: string };
  readonly peers: readonly Peer[];
  readonly relays: readonly Station[];
  readonly stations: readonly Station[];
  readonly faults: readonly LinkFaults[];
  peer(name: string): Peer;
  station(name: string): Station;
  cut(a: string, b?: string): void;
  drop(a: string, b?: string): void;
  delay(a: string, b: string | undefined, delayMs: number): void;
  throttle(a: string, b: string | undefined, bytesPerSecond: number): void;
  heal(a?: string, b?: string): void;
}
