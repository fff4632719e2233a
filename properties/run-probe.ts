import { operationClasses } from '../src/arbitraries/operation-classes.ts';
import type { RunElement, RunProbe, RunSearchTarget } from '../src/engine/shortest/shortest-run.ts';
import { operationsOf } from '../src/engine/trace-sides.ts';
import type { Cpu } from '../src/impl/cpu.ts';
import type { ExitCause } from '../src/impl/exit-cause.ts';
import { type HostedSubject, OPERATION_LENGTH_BYTES } from '../src/impl/hosted-subject.ts';
import type { System } from '../src/impl/system.ts';
import type { SystemObserver } from '../src/impl/system-observer.ts';
import { processorWords } from '../src/impl/system-snapshot.ts';
import { observeAll } from '../src/refinement/channel-access.ts';
import { Lockstep } from '../src/refinement/lockstep.ts';
import type { ExternalInterrupt, Interleaving, RunSpec } from '../src/trace/trace.ts';
import { digestWords, formatDigest } from '../src/units/digest.ts';
import type { Workbench } from './workbench.ts';

/** State of the system, without the values that the last operations read: programs that are lists do not look at them. */
function stateKey(system: System, exit: ExitCause | undefined): string {
  const { memory, cpus, kernel } = system;
  const hosted = system.hosted.map(({ retiredCount, vectors }) => ({ low: 0, high: 0, retiredCount, vectors }));
  const words = processorWords(cpus, hosted, kernel.platform, cpu => system.subjectOn(cpu));
  return `${formatDigest(memory.digest())} ${formatDigest(digestWords(words, 0, words.length, 1))} ${JSON.stringify(exit ?? 0)}`;
}

/** Watches where a run can be given one more element. */
class OpeningWatch implements SystemObserver {
  readonly #system: System;
  readonly #spec: RunSpec;
  readonly #last: RunElement | undefined;
  /** Operations by subject. */
  readonly #lengths: readonly number[];
  /** By subject: the end of its program was reached after the last element. */
  readonly #open = new Set<number>();
  readonly #closed = new Set<number>();
  readonly #moments = new Map<string, { readonly tsc: number; readonly cpu: number }>();
  readonly interleavings: Interleaving[] = [];
  key = '';
  hasEffect: boolean;
  readonly #isExtended: boolean;
  #points = 0;

  constructor(system: System, spec: RunSpec, last: RunElement | undefined, isExtended: boolean) {
    this.#system = system;
    this.#spec = spec;
    this.#last = last;
    this.#isExtended = isExtended;
    this.hasEffect = last === undefined;
    this.#lengths = system.kernel.tables.subjects.map(({ name }) => {
      const program = spec.programs.find(({ subject }) => subject === name);
      // Subjects with other software are never given an operation.
      if (program !== undefined && !('operations' in program)) return -1;
      return program === undefined ? 0 : program.operations.length;
    });
  }

  get open(): readonly string[] {
    return [...this.#open].map(subject => this.#system.kernel.tables.subjects[subject]!.name);
  }

  get moments(): readonly { readonly tsc: number; readonly cpu: number }[] {
    return [...this.#moments.values()];
  }

  #noteMoment({ tsc, id }: Cpu): void {
    if (this.#last?.kind === 'interrupt' && tsc >= this.#last.interrupt.tsc && id === this.#last.interrupt.cpu)
      this.hasEffect = true;
    if (this.hasEffect && this.#isExtended) this.#moments.set(`${id} ${tsc}`, { tsc, cpu: id });
  }

  onExit(cpu: Cpu): void {
    this.#noteMoment(cpu);
  }

  onEntry(cpu: Cpu): void {
    this.#noteMoment(cpu);
  }

  onSegment(cpu: Cpu, access: number): void {
    if (access !== 0) {
      const point = this.#points;
      this.#points += 1;
      if (this.#last?.kind === 'interleaving' && this.#last.interleaving.point === point) this.hasEffect = true;
      else if (this.hasEffect && this.#isExtended)
        for (const { id } of this.#system.cpus) if (id !== cpu.id) this.interleavings.push({ point, cpu: id });
    }
    this.#noteMoment(cpu);
  }

  onOperation(cpu: Cpu, subject: number, hosted: HostedSubject, exit: ExitCause | undefined): void {
    const { entryPoint, name } = this.#system.kernel.tables.subjects[subject]!;
    const index = (hosted.operationRip - entryPoint) / OPERATION_LENGTH_BYTES;
    const length = this.#lengths[subject]!;
    if (!this.hasEffect && this.#last?.kind === 'operation' && this.#last.subject === name && index === length - 1) {
      this.hasEffect = true;
      const closed = [...this.#closed].sort((a, b) => a - b).join();
      this.key = `${stateKey(this.#system, exit)} ${closed} ${this.#spec.interrupts.length} ${this.#spec.interleavings.length}`;
    }
    if (index === length && length >= 0) {
      if (this.hasEffect && !this.#closed.has(subject)) this.#open.add(subject);
      this.#closed.add(subject);
    }
    if (hosted.operation?.kind !== 'nop') this.#noteMoment(cpu);
  }
}

/**
 * Runs on the system of a policy beside the kernel model, for a search of the shortest one that fails.
 *
 * @param counterexample its operations belong to the alphabet, too, and its end bounds the triggers of timed events.
 */
export function kernelRunTarget({ bench, model, vocabularies }: Workbench, counterexample: RunSpec): RunSearchTarget {
  const alphabet = new Map(
    vocabularies.map(vocabulary => {
      const classes = operationClasses(vocabulary, bench.system.time.startTsc, counterexample.endTsc);
      const own = operationsOf(counterexample, vocabulary.subject);
      const missing = own.filter(
        operation => !classes.some(other => JSON.stringify(other) === JSON.stringify(operation)),
      );
      return [vocabulary.subject, [...missing, ...classes]] as const;
    }),
  );
  const vectors = model.config.routes.flatMap(({ subject }, vector) =>
    subject < 0 ? [] : [{ vector, cpu: model.config.subjectCpu[subject]! }],
  );
  return {
    alphabet,
    probe(spec, last, isKnown, isExtended): RunProbe {
      const nothing = { key: '', hasEffect: false, open: [], interrupts: [], interleavings: [] };
      const loaded = bench.load(spec);
      if (!loaded.ok) return { ...nothing, fails: false };
      const system = loaded.value;
      const lockstep = new Lockstep(system, model);
      const watch = new OpeningWatch(system, spec, last, isExtended);
      lockstep.begin();
      system.observer = observeAll([lockstep, watch]);
      while (lockstep.divergence === undefined && (watch.key === '' || !isKnown(watch.key)) && system.step());
      system.observer = {};
      if (lockstep.divergence !== undefined) return { ...nothing, fails: true };
      const { key, hasEffect, open, moments, interleavings } = watch;
      const interrupts = moments.flatMap(({ tsc, cpu }) =>
        vectors.filter(row => row.cpu === cpu).map(({ vector }): ExternalInterrupt => ({ tsc, cpu, vector })),
      );
      return { fails: false, key, hasEffect, open, interrupts, interleavings };
    },
  };
}
