import fc from 'fast-check';
import type { ExternalInterrupt, Interleaving, RunSpec, SubjectProgram } from '../trace/trace.ts';
import type { Operation } from '../units/operation.ts';
import type { Mix, OperationDecoder } from './decode-operation.ts';

/** What runs of a system are generated from. */
export interface RunShape {
  /** Decoder per subject, with the subject's name. */
  readonly decoders: readonly { readonly subject: string; readonly decoder: OperationDecoder }[];
  readonly cyclesPerInstruction: number;
  readonly startTsc: number;
  readonly endTsc: number;
  readonly maxKernelSteps: number;
  /** Most operations over all subjects. */
  readonly maxOperations: number;
  readonly maxInterrupts: number;
  readonly maxInterleavings: number;
  /** Interrupts that may arrive: host vector and the CPU it is routed to. */
  readonly vectors: readonly { readonly vector: number; readonly cpu: number }[];
  readonly cpuCount: number;
}

/** A generated mix of operation kinds. */
export type { Mix };

const word = fc.nat(0x7fff_ffff);

/** Operations are drawn as one list over all subjects, so that shrinking drops operations wherever they are. */
export function programsArbitrary(shape: RunShape): fc.Arbitrary<readonly SubjectProgram[]> {
  const step = fc.tuple(fc.nat(Math.max(0, shape.decoders.length - 1)), word);
  return fc.array(step, { maxLength: shape.maxOperations, size: 'max' }).map(steps => {
    const programs: Operation[][] = shape.decoders.map(() => []);
    for (const [index, value] of steps) programs[index]!.push(...shape.decoders[index]!.decoder.decode(value));
    return shape.decoders.flatMap(({ subject }, index) =>
      programs[index]!.length === 0 ? [] : [{ subject, operations: programs[index]! }],
    );
  });
}

function interruptsArbitrary(shape: RunShape): fc.Arbitrary<readonly ExternalInterrupt[]> {
  if (shape.vectors.length === 0 || shape.maxInterrupts === 0) return fc.constant([]);
  const arrival = fc.record({ offset: fc.nat(1_000_000), index: fc.nat(shape.vectors.length - 1) });
  return fc.array(arrival, { maxLength: shape.maxInterrupts, size: 'max' }).map(rows =>
    rows.map(({ offset, index }) => {
      const { vector, cpu } = shape.vectors[index]!;
      return { tsc: Math.floor(shape.startTsc + (offset / 1_000_000) * (shape.endTsc - shape.startTsc)), cpu, vector };
    }),
  );
}

function interleavingsArbitrary(shape: RunShape): fc.Arbitrary<readonly Interleaving[]> {
  if (shape.cpuCount < 2 || shape.maxInterleavings === 0) return fc.constant([]);
  const deviation = fc.record({ gap: fc.nat(24), cpu: fc.nat(shape.cpuCount - 1) });
  return fc.array(deviation, { maxLength: shape.maxInterleavings, size: 'max' }).map(rows => {
    let point = 0;
    return rows.map(({ gap, cpu }) => {
      point += 1 + gap;
      return { point, cpu };
    });
  });
}

/** Whole runs: programs, interrupts, interleavings. */
export function runSpecArbitrary(shape: RunShape): fc.Arbitrary<RunSpec> {
  return fc
    .record({
      programs: programsArbitrary(shape),
      interrupts: interruptsArbitrary(shape),
      interleavings: interleavingsArbitrary(shape),
    })
    .map(
      ({ programs, interrupts, interleavings }): RunSpec => ({
        cyclesPerInstruction: shape.cyclesPerInstruction,
        endTsc: shape.endTsc,
        maxKernelSteps: shape.maxKernelSteps,
        programs,
        interrupts,
        interleavings,
      }),
    );
}

/** The one value of `arbitrary` that belongs to `seed`. */
export function generate<T>(arbitrary: fc.Arbitrary<T>, seed: number): T {
  return fc.sample(arbitrary, { seed: seed | 0, numRuns: 1 })[0]!;
}
