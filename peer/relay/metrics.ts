const PREFIX = "p2pchat_relay_";

type Gauge = { readonly name: string; readonly help: string; readonly read: () => number };

/** What an operator watches, in the text format of Prometheus (version 0.0.4): sums, and nobody by name. */
export class Metrics {
  readonly #gauges: Gauge[] = [];
  readonly #answers = new Map<string, number>();

  /** Read whenever somebody looks. */
  gauge(name: string, help: string, read: () => number): void {
    this.#gauges.push({ name: name.startsWith("process_") ? name : `${PREFIX}${name}`, help, read });
  }

  /** Counts what a mailbox answered: a frame's type, or the code of a refusal. */
  answered(what: string): void {
    this.#answers.set(what, (this.#answers.get(what) ?? 0) + 1);
  }

  render(): string {
    const name = `${PREFIX}mailbox_answers_total`;
    const lines = [
      ...heading(name, "What the mailbox answered: a frame's type, or a refusal's code."),
      ...[...this.#answers].map(([what, count]) => `${name}{answer="${what}"} ${count}`),
      ...this.#gauges.flatMap((gauge) => render(gauge)),
    ];
    return `${lines.join("\n")}\n`;
  }
}

/** What cannot be read now is left out; the others are not. */
function render({ name, help, read }: Gauge): string[] {
  try {
    return [...heading(name, help), `${name} ${read()}`];
  } catch {
    return [];
  }
}

function heading(name: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`];
}
