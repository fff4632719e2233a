import type { CheckContext, Property, TaskResult } from '../../src/engine/property.ts';
import { type AssembledKernel, assembleKernel } from '../../src/impl/create-system.ts';
import { bootKernel, isHalt } from '../../src/impl/muen/boot.ts';
import type { Seams } from '../../src/impl/seams.ts';
import type { TraceOutcome } from '../../src/trace/trace.ts';
import { InvariantError } from '../../src/units/invariant.ts';

/** A boot that ended, and how. */
export interface Booted extends AssembledKernel {
  readonly halted: boolean;
  /** Interleaving points passed. */
  readonly points: number;
}

/** One case of a property about booting; the text says what is wrong, empty if nothing is. */
export interface BootCase {
  readonly name: string;
  run(): string;
}

export interface BootOptions extends Pick<Property, 'claim' | 'killedBy'> {
  readonly id: `boot/${string}`;
  readonly witness: { readonly id: string; readonly description: string };
  cases(context: CheckContext): readonly BootCase[];
}

/** Boots the system of a policy with the given collaborators; the text says why it could not be tried. */
export function bootOnce(context: CheckContext, seams: Seams): Booted | string {
  const assembled = assembleKernel(context.document, seams);
  if (!assembled.ok) return assembled.error[0]?.message ?? 'the policy does not compile';
  try {
    return { ...assembled.value, halted: false, points: bootKernel(assembled.value.kernel) };
  } catch (cause) {
    if (cause instanceof InvariantError) throw cause;
    if (isHalt(cause)) return { ...assembled.value, halted: true, points: 0 };
    return `booting raises an exception: ${cause instanceof Error ? cause.message : ''}`;
  }
}

/** A property that boots the kernel once per case of a closed list. */
export function bootProperty({ id, claim, killedBy, witness, cases }: BootOptions): Property {
  const outcomeOf = (context: CheckContext): { readonly count: number; readonly outcome?: TraceOutcome } => {
    const all = cases(context);
    for (const [index, { name, run }] of all.entries()) {
      const what = run();
      if (what === '') continue;
      const { line } = context.document.kernel.at;
      const explanation = [`Let the kernel boot with ${name}.`, `Then ${what}.`];
      const outcome = { summary: `${name}: ${what}`, explanation, policyLines: [line], timeline: [], digests: [] };
      return { count: index + 1, outcome };
    }
    return { count: all.length };
  };
  return {
    id,
    area: 'boot',
    claim,
    method: 'boot of every case',
    passes: 'exhausted',
    witnesses: [witness],
    killedBy,
    notApplicable: context => {
      const assembled = assembleKernel(context.document, context.seams);
      return assembled.ok ? '' : `cannot be run: ${assembled.error[0]?.message ?? ''}`;
    },
    tasks: () => [{ property: id, index: 0, slice: {} }],
    runTask(context): TaskResult {
      const { count, outcome } = outcomeOf(context);
      return {
        runs: count,
        steps: 0,
        states: count,
        witnesses: { [witness.id]: count },
        unspecified: {},
        ...(outcome === undefined ? {} : { failure: { body: { kind: 'static' }, outcome } }),
      };
    },
    replay: context => outcomeOf(context).outcome,
  };
}
