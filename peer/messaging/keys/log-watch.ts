import { abortReason } from "../../../shared/abort-reason.ts";
import { ChatError, isChatError } from "../../../shared/errors.ts";
import type { Username } from "../../../shared/username.ts";
import { type BackOff, backOff } from "../back-off.ts";
import type { Resolver } from "../ports/contacts.ts";
import type { KeyLog } from "../ports/key-log.ts";
import type { Runtime } from "../runtime.ts";
import type { Self } from "../self.ts";
import type { Store } from "../store.ts";
import type { NameAudit } from "./audit.ts";
import type { AuditProblem } from "./audit-finding.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
/** Staggered, so that not all devices ask at once: from three quarters of the time to all of it. */
const STAGGER = 0.25;
/** How far contacts have been looked for in the log. */
const PLACE = "log-watch";

/** Something that people must know of the naming server's log. */
export type LogFinding = { readonly code: "LOG_FORKED" | "LOG_INVALID" | "LOG_STALE"; readonly message: string };

export type LogWatchDeps = {
  readonly self: Pick<Self, "username">;
  readonly store: Pick<Store, "contacts" | "cursors">;
  readonly log: KeyLog;
  /** Audits the own name, once nothing is under way with its key. */
  readonly auditOwn: (signal: AbortSignal) => Promise<Pick<NameAudit, "problems">>;
  readonly resolver: Pick<Resolver, "resolve">;
  readonly runtime: Runtime;
  /** Told of each finding once; never throws. */
  readonly tell: (finding: LogFinding) => void;
  readonly failed: (error: unknown) => void;
};

const OWN_NAME = "own ";
const HEARD = "heard ";
const keyOf = (contact: Username) => `contact ${contact} `;

const FINDINGS = {
  LOG_FORKED: "the naming server has signed two different logs: nothing new of it is believed. Known contacts go on",
  LOG_STALE: "the naming server's log has not been renewed for a day: it may be showing an old view",
} as const;

/**
 * Follows the naming server's log while this profile listens: every hour it takes in what is new and looks contacts up
 * that have a new record, and every day it audits the own name, for nobody else can tell that a key is not one's own.
 */
export class LogWatch {
  readonly #deps: LogWatchDeps;
  readonly #retry: BackOff;
  readonly #stopping = new AbortController();
  readonly #told = new Map<string, LogFinding>();
  #turn: Promise<void> = Promise.resolve();
  #cancel: () => void = () => undefined;
  /** When the log was last followed, by the monotonic clock. */
  #followedAtMs: number;
  #auditDueAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: LogWatchDeps) {
    this.#deps = deps;
    this.#retry = backOff(deps.runtime);
    this.#followedAtMs = deps.runtime.monotonic();
  }

  /** Looks now and from then on; resolves after the first time, whatever came of it. */
  start(): Promise<void> {
    this.#turn = this.#run();
    return this.#turn;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new ChatError("INTERRUPTED", "stopping"));
    this.#cancel();
    await this.#turn;
  }

  /** The worst of what was found and still holds. */
  finding(): LogFinding | undefined {
    const found = [...this.#told.values()];
    return (
      found.find(({ code }) => code === "LOG_FORKED") ?? found.find(({ code }) => code === "LOG_INVALID") ?? found[0]
    );
  }

  /** Another log was accepted in the place of the one that was followed: what was found of that one is over. */
  begunAnew(): void {
    this.#told.clear();
    this.#deps.store.cursors.set(PLACE, 0);
    this.#auditDueAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Something else has failed: tells of it where it says something of the log. */
  hear(error: ChatError): void {
    const code = logCodeOf(error);
    if (code === undefined) return;
    if (code === "LOG_FORKED") this.noteStatus();
    else this.#report({ code, message: error.message }, `${HEARD}${code} ${error.reason}`);
  }

  /** Once; `key` keeps several of one code apart. */
  #report(finding: LogFinding, key: string = finding.code): void {
    if (this.#told.has(key)) return;
    this.#told.set(key, finding);
    this.#deps.tell(finding);
  }

  async #run(): Promise<void> {
    const { runtime } = this.#deps;
    const done = await this.#look();
    if (this.#stopping.signal.aborted) return;
    if (done) this.#retry.reset();
    const delayMs = done ? staggered(HOUR_MS, runtime) : this.#retry.next();
    this.#cancel = runtime.after(delayMs, () => {
      this.#turn = this.#run();
    });
  }

  /** False where the server could not be asked for all of it. */
  async #look(): Promise<boolean> {
    const { signal } = this.#stopping;
    try {
      await this.#follow(signal);
      await this.#auditOwn(signal);
      return await this.#lookUpChanged(signal);
    } catch (error) {
      if (!signal.aborted) this.#deps.failed(error);
      return false;
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { log, runtime } = this.#deps;
    try {
      await log.sync({ signal });
      this.#forget("LOG_INVALID");
      this.#forget(HEARD);
    } catch (error) {
      const code = isChatError(error) ? logCodeOf(error) : undefined;
      // A server that is merely down for a while shows no old view.
      if (code === undefined && runtime.monotonic() - this.#followedAtMs > DAY_MS) this.noteStatus();
      if (code === undefined || !isChatError(error)) throw error;
      this.#report({ code, message: error.message });
    }
    this.#followedAtMs = runtime.monotonic();
    this.noteStatus();
  }

  /** Tells what the log's own status says. */
  noteStatus(): void {
    const { stale, forked } = this.#deps.log.status();
    if (forked) this.#report({ code: "LOG_FORKED", message: FINDINGS.LOG_FORKED });
    if (stale) this.#report({ code: "LOG_STALE", message: FINDINGS.LOG_STALE });
    else this.#forget("LOG_STALE");
  }

  /** Found once more, it is told once more. */
  #forget(prefix: string): void {
    for (const key of this.#told.keys()) if (key.startsWith(prefix)) this.#told.delete(key);
  }

  async #auditOwn(signal: AbortSignal): Promise<void> {
    const { self, auditOwn, runtime, log } = this.#deps;
    const isNew = log.recordsOf(self.username, this.#place()).length > 0;
    if (!isNew && runtime.monotonic() < this.#auditDueAtMs) return;
    const { problems } = await auditOwn(signal);
    const found = problems.filter(isOfName);
    if (found.length === 0) this.#forget(OWN_NAME);
    for (const { reason, message, seq, index } of found) {
      this.#report({ code: "LOG_INVALID", message }, OWN_NAME + [reason, seq, index].join(" "));
    }
    this.#auditDueAtMs = runtime.monotonic() + staggered(DAY_MS, runtime);
  }

  /** Looks contacts up whose name has a new entry; whatever is wrong with one of them is told where it is found. */
  async #lookUpChanged(signal: AbortSignal): Promise<boolean> {
    const { store, log, resolver } = this.#deps;
    const { size } = log.status();
    const place = this.#place();
    if (size === place) return true;
    let done = true;
    for (const { username } of store.contacts.list()) {
      if (log.recordsOf(username, place).length === 0) continue;
      const { stale } = await resolver.resolve(username, { signal }).then(
        (resolved) => {
          this.#forget(keyOf(username));
          return resolved;
        },
        (error: unknown) => this.#judge(username, error),
      );
      if (signal.aborted) throw abortReason(signal);
      done &&= !stale;
    }
    if (done) store.cursors.set(PLACE, size);
    return done;
  }

  /** A changed key is told of where it is noted. */
  #judge(username: Username, error: unknown): { readonly stale: boolean } {
    if (!isChatError(error)) throw error;
    const code = error.code === "RECORD_ROLLBACK" ? "LOG_INVALID" : logCodeOf(error);
    if (code !== undefined) this.#report({ code, message: error.message }, keyOf(username));
    return { stale: false };
  }

  #place(): number {
    return Math.min(this.#deps.store.cursors.get(PLACE) ?? 0, this.#deps.log.status().size);
  }
}

/** What concerns the log as a whole has been told already. */
function isOfName({ code, seq, index }: AuditProblem): boolean {
  return !code.startsWith("LOG_") || seq !== undefined || index !== undefined;
}

function staggered(ms: number, { random }: Runtime): number {
  return ms * (1 - STAGGER * random());
}

/** The state of the log that an error stands for; undefined for one that says nothing of it. */
export function logCodeOf({ code }: ChatError): LogFinding["code"] | undefined {
  if (code === "LOG_FORKED" || code === "LOG_STALE" || code === "LOG_INVALID") return code;
  return code === "NOTE_INVALID" ? "LOG_INVALID" : undefined;
}
