import type { Seams } from '../impl/seams.ts';
import type { System } from '../impl/system.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import type { RunSpec } from '../trace/trace.ts';
import { ok, type Result } from '../units/result.ts';
import { EntryWatch } from './entry-watch.ts';
import { GuestRules } from './guest-rules.ts';
import { IpiWatch } from './ipi-watch.ts';
import { type KernelModel, kernelModel } from './kernel-model.ts';
import { Lockstep } from './lockstep.ts';
import { StoreWatch } from './store-watch.ts';
import { TestBench } from './test-bench.ts';

/** What the watchers of one run say. */
export class WatchedRun {
  readonly lockstep: Lockstep;
  readonly #ipis: IpiWatch;
  readonly #entries: EntryWatch;
  readonly #stores: StoreWatch;
  readonly #rules: GuestRules;
  readonly #isInterleaved: boolean;

  /** Where another CPU is let proceed inside of kernel steps, an inter-processor interrupt may come later than the watch expects. */
  constructor(system: System, document: PolicyDocument, model: KernelModel, rules: GuestRules, spec: RunSpec) {
    this.#isInterleaved = spec.interleavings.length > 0;
    rules.what = '';
    this.#rules = rules;
    this.lockstep = new Lockstep(system, model);
    this.lockstep.begin();
    this.#ipis = new IpiWatch(
      system,
      this.lockstep,
      model.compiled.modeIndex('access.indicate'),
      model.config.subjectCpu,
      spec.cyclesPerInstruction,
    );
    this.#entries = new EntryWatch(system, document, false);
    this.#stores = new StoreWatch(system, document);
    system.observer = {
      onExit: (cpu, subject, reason) => {
        this.onExit?.(cpu, subject, reason);
        if (system.hosted[subject]!.runsMachineCode) rules.onExit(cpu, subject, reason);
        this.#ipis.onExit(cpu, subject, reason);
        this.#entries.onExit(cpu, subject, reason);
      },
      onSegment: (cpu, access) => this.#ipis.onSegment(cpu, access),
      onEntry: (cpu, subject) => {
        this.#ipis.onEntry(cpu, subject);
        this.#entries.onEntry(cpu, subject);
      },
      onOperation: (cpu, subject, hosted, exit) => {
        this.#ipis.onOperation(cpu, subject, hosted, exit);
        this.#entries.onOperation(cpu, subject);
        this.#stores.onOperation(cpu, subject);
      },
    };
  }

  /** For those who want to see the exits, too. */
  onExit: ((...parameters: Parameters<NonNullable<System['observer']['onExit']>>) => void) | undefined;

  /** What went wrong first; empty if nothing did. */
  get what(): string {
    const { divergence } = this.lockstep;
    const ipi = this.#isInterleaved ? undefined : this.#ipis.violation;
    const [entry, store] = [this.#entries.violation, this.#stores.violation];
    return divergence?.what ?? (this.#rules.what || (ipi?.what ?? entry?.what ?? store?.what ?? ''));
  }
}

/**
 * A system whose runs are watched by everything that can tell, step by step, that the implementation does what it should not: the
 * kernel model, the rules for machine code, VM entries, inter-processor interrupts, stores.
 */
export class WatchedBench {
  readonly bench: TestBench;
  readonly model: KernelModel;
  readonly #document: PolicyDocument;
  readonly #rules: GuestRules;

  private constructor(document: PolicyDocument, bench: TestBench, rules: GuestRules) {
    this.#document = document;
    this.bench = bench;
    this.#rules = rules;
    this.model = kernelModel(document);
    rules.watch(bench.system);
  }

  static create(
    document: PolicyDocument,
    seams: Seams,
    contents: Parameters<typeof TestBench.create>[2],
  ): Result<WatchedBench, readonly Finding[]> {
    const rules = new GuestRules(document);
    const bench = TestBench.create(document, rules.watching(seams), contents);
    return bench.ok ? ok(new WatchedBench(document, bench.value, rules)) : bench;
  }

  /** Prepares a run; its steps are the caller's. */
  begin(spec: RunSpec): Result<WatchedRun, string> {
    const loaded = this.bench.load(spec);
    return loaded.ok ? ok(new WatchedRun(loaded.value, this.#document, this.model, this.#rules, spec)) : loaded;
  }

  /** Runs `spec` to its end or to the first thing that went wrong. */
  run(spec: RunSpec): Result<WatchedRun, string> {
    const begun = this.begin(spec);
    if (!begun.ok) return begun;
    const { system } = this.bench;
    while (begun.value.what === '' && system.step());
    system.observer = {};
    return begun;
  }
}
