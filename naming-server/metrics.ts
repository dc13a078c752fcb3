/** Upper bounds of the latency histogram, in seconds. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const PREFIX = "p2pchat_naming_";

type Gauge = {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly read: () => number | Promise<number>;
};

/** Counts by the values of one label, which are few and of this program's making: never names or addresses. */
export class LabelledCounter {
  readonly #name: string;
  readonly #help: string;
  readonly #label: string;
  readonly #counts = new Map<string, number>();

  constructor(name: string, help: string, label: string) {
    this.#name = name;
    this.#help = help;
    this.#label = label;
  }

  add(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  render(): string[] {
    const samples = [...this.#counts].map(([value, count]) => `${this.#name}{${this.#label}="${value}"} ${count}`);
    return [...heading(this.#name, this.#help, "counter"), ...samples];
  }
}

/** The requests of one method of one route. */
export class RequestMeter {
  readonly #labels: string;
  readonly #statuses = new Float64Array(STATUS_CLASSES.length);
  /** One more than there are bounds: for what took longer. */
  readonly #buckets = new Float64Array(BOUNDS.length + 1);
  #sumMs = 0;

  constructor(route: string, method: string) {
    this.#labels = `route="${route}",method="${method.toUpperCase()}"`;
  }

  record(status: number, elapsedMs: number): void {
    const statusClass = Math.floor(status / 100) - 1;
    this.#statuses[statusClass] = (this.#statuses[statusClass] ?? 0) + 1;
    let bucket = 0;
    while (elapsedMs > (BOUNDS[bucket] ?? Number.POSITIVE_INFINITY) * 1000) bucket += 1;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#sumMs += elapsedMs;
  }

  renderCounts(name: string): string[] {
    return STATUS_CLASSES.flatMap((status, index) => {
      const count = this.#statuses[index] ?? 0;
      return count === 0 ? [] : [`${name}{${this.#labels},status="${status}"} ${count}`];
    });
  }

  renderHistogram(name: string): string[] {
    let total = 0;
    const buckets = [...BOUNDS, "+Inf"].map((bound, index) => {
      total += this.#buckets[index] ?? 0;
      return `${name}_bucket{${this.#labels},le="${bound}"} ${total}`;
    });
    if (total === 0) return [];
    const sum = `${name}_sum{${this.#labels}} ${this.#sumMs / 1000}`;
    return [...buckets, sum, `${name}_count{${this.#labels}} ${total}`];
  }
}

/** What an operator watches, in the text format of Prometheus (version 0.0.4). */
export class Metrics {
  readonly refusals = new LabelledCounter(`${PREFIX}refusals_total`, "Refused requests by code.", "code");
  readonly limited = new LabelledCounter(
    `${PREFIX}rate_limited_total`,
    "Requests beyond a rate limit by class.",
    "class",
  );
  readonly broken = new LabelledCounter(`${PREFIX}broken_connections_total`, "Connections cut by reason.", "reason");
  readonly #meters: RequestMeter[] = [];
  readonly #gauges: Gauge[] = [];

  requestMeter(route: string, method: string): RequestMeter {
    const meter = new RequestMeter(route, method);
    this.#meters.push(meter);
    return meter;
  }

  /** Read whenever somebody looks; `name` without the prefix that all share, unless it begins with `process_`. */
  gauge(name: string, help: string, read: Gauge["read"]): void {
    this.#gauges.push({ name: qualified(name), help, type: name.endsWith("_total") ? "counter" : "gauge", read });
  }

  async render(): Promise<string> {
    const [requests, durations] = [`${PREFIX}requests_total`, `${PREFIX}request_duration_seconds`];
    const gauges = await Promise.all(this.#gauges.map(renderGauge));
    const lines = [
      ...heading(requests, "Requests by route, method and class of status.", "counter"),
      ...this.#meters.flatMap((meter) => meter.renderCounts(requests)),
      ...heading(durations, "Time until a request was answered.", "histogram"),
      ...this.#meters.flatMap((meter) => meter.renderHistogram(durations)),
      ...[this.refusals, this.limited, this.broken].flatMap((counter) => counter.render()),
      ...gauges.flat(),
    ];
    return `${lines.join("\n")}\n`;
  }
}

const qualified = (name: string) => (name.startsWith("process_") ? name : `${PREFIX}${name}`);

function heading(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** What cannot be read now is left out; the others are not. */
async function renderGauge({ name, help, type, read }: Gauge): Promise<string[]> {
  try {
    return [...heading(name, help, type), `${name} ${await read()}`];
  } catch {
    return [];
  }
}
