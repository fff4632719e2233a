import { type Mix, type OperationDecoder, operationDecoder } from '../arbitraries/decode-operation.ts';
import type { Vocabulary } from '../arbitraries/vocabulary.ts';
import type { TimeModel } from '../impl/time-model.ts';
import type { KernelModel } from '../refinement/kernel-model.ts';
import type { ExternalInterrupt, Interleaving, SubjectProgram } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';
import type { Surroundings } from './fuzz-input.ts';

/** What other subjects, and subjects between two exits, do. */
const MIX: Mix = {
  read: 2,
  write: 8,
  probe: 5,
  vmcall: 14,
  undeclared: 1,
  userVmcall: 1,
  trap: 2,
  xsetbv: 4,
  unknownExit: 0,
  timedEvent: 14,
  hlt: 2,
  rdtsc: 0,
  load: 3,
  sti: 4,
  cli: 2,
  nop: 1,
  stop: 0,
  fpu: 8,
  msr: 5,
  port: 1,
  controlRegister: 3,
  mark: 3,
  survey: 1,
};

const FIRST_DEVICE_VECTOR = 32;
const SPURIOUS_VECTOR = 255;
/** Segments between two points at which the order changes: mostly few, so that some inputs change it again and again. */
const GAPS = [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 22, 24] as const;

/** Decodes the words of surroundings for one system; every word means something. */
export class SurroundingsDecoder {
  readonly #decoders: ReadonlyMap<string, OperationDecoder>;
  readonly #subjects: readonly string[];
  readonly #vectors: readonly { readonly vector: number; readonly cpu: number }[];
  readonly #cpuCount: number;
  readonly #startTsc: number;
  readonly #endTsc: number;

  constructor(vocabularies: readonly Vocabulary[], { config }: KernelModel, time: TimeModel, endTsc: number) {
    this.#subjects = vocabularies.map(({ subject }) => subject);
    this.#decoders = new Map(
      vocabularies.map(words => [words.subject, operationDecoder(words, MIX, time.startTsc, endTsc)]),
    );
    const { routes, subjectCpu } = config;
    const unrouted = routes.findIndex((route, vector) => vector >= FIRST_DEVICE_VECTOR && route.subject < 0);
    // Where the policy sends a vector, whatever the kernel's tables say; one of nobody, and the spurious one, at every CPU.
    this.#vectors = [
      ...routes.flatMap(({ subject }, vector) => (subject < 0 ? [] : [{ vector, cpu: subjectCpu[subject]! }])),
      ...Array.from({ length: config.cpuCount }, (_, cpu) => [
        { vector: unrouted, cpu },
        { vector: SPURIOUS_VECTOR, cpu },
      ]).flat(),
    ];
    this.#cpuCount = config.cpuCount;
    this.#startTsc = time.startTsc;
    this.#endTsc = endTsc;
  }

  operations(subject: string, word: number): readonly Operation[] {
    return this.#decoders.get(subject)?.decode(word) ?? [];
  }

  /** Programs of subjects other than `subject` that have something to do. */
  programs({ others }: Surroundings, subject: string): readonly SubjectProgram[] {
    const programs = new Map<string, Operation[]>();
    for (const word of others) {
      const name = this.#subjects[word % this.#subjects.length]!;
      if (name === subject) continue;
      const operations = programs.get(name) ?? [];
      operations.push(...this.operations(name, Math.floor(word / this.#subjects.length)));
      programs.set(name, operations);
    }
    return [...programs].map(([name, operations]) => ({ subject: name, operations }));
  }

  interrupts({ interrupts }: Surroundings): readonly ExternalInterrupt[] {
    return interrupts.map(word => {
      const { vector, cpu } = this.#vectors[word % this.#vectors.length]!;
      const share = Math.floor(word / this.#vectors.length) / (2 ** 32 / this.#vectors.length);
      return { tsc: Math.floor(this.#startTsc + share * (this.#endTsc - this.#startTsc)), cpu, vector };
    });
  }

  interleavings({ interleavings }: Surroundings): readonly Interleaving[] {
    if (this.#cpuCount < 2) return [];
    let point = 0;
    return interleavings.map(word => {
      point += GAPS[word % GAPS.length]!;
      return { point, cpu: Math.floor(word / GAPS.length) % this.#cpuCount };
    });
  }
}
