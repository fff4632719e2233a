import type { KernelOps } from '../impl/muen/ops.ts';
import type { Seams } from '../impl/seams.ts';
import { qualificationClass } from './qualification-class.ts';

/**
 * Features that one execution reached: 32-bit hashes of what happened, with the count in powers of two.
 *
 * A feature is a pair of consecutive kernel functions, an answer of a kernel predicate, an intercept of VMX and its answer, an exit
 * reason with the class of its qualification and the policy's action, or a pair of modes of the kernel model.
 */
export class Coverage {
  readonly #counts = new Map<number, number>();
  #previous = 0;

  begin(): void {
    this.#counts.clear();
    this.#previous = 0;
  }

  hit(feature: number): void {
    this.#counts.set(feature, (this.#counts.get(feature) ?? 0) + 1);
  }

  /** A place in the code: counts together with the place before it. */
  place(id: number): void {
    this.hit(Math.imul(this.#previous, 0x9e37_79b1) ^ id);
    this.#previous = id;
  }

  /** Features with the power of two of their count, sorted. */
  features(): readonly number[] {
    const found: number[] = [];
    for (const [feature, count] of this.#counts)
      found.push((Math.imul(feature, 0x0100_0193) ^ Math.min(8, 32 - Math.clz32(count))) >>> 0);
    return found.sort((a, b) => a - b);
  }
}

/** Kinds of features, in the upper bits of their hash. */
const enumerate = { predicate: 0x1000_0000, intercept: 0x2000_0000, exit: 0x3000_0000, model: 0x4000_0000 } as const;

/** Kernel functions that announce themselves. */
function watchedKernel(ops: KernelOps, coverage: Coverage): KernelOps {
  const watched: Record<string, unknown> = {};
  Object.entries(ops).forEach(([name, operation], index) => {
    const call = operation as (...parameters: readonly unknown[]) => unknown;
    watched[name] = (...parameters: readonly unknown[]): unknown => {
      coverage.place(index + 1);
      const answer = call(...parameters);
      if (typeof answer === 'boolean') coverage.hit(enumerate.predicate | (index << 1) | (answer ? 1 : 0));
      return answer;
    };
  });
  return watched as unknown as KernelOps;
}

/** The implementation with its decision points of kernel and VMX counted. */
export function watchedSeams(seams: Seams, coverage: Coverage): Seams {
  const { machine } = seams;
  return {
    ...seams,
    kernel: watchedKernel(seams.kernel, coverage),
    machine: {
      ...machine,
      checkEntry(state, cache) {
        const failed = machine.checkEntry(state, cache);
        if (failed !== undefined) coverage.hit(enumerate.predicate | 0x8000 | hashOf(failed.check.id));
        return failed;
      },
      createGuestHooks(memory, platform, msrs) {
        const hooks = machine.createGuestHooks(memory, platform, msrs);
        const { intercept, interceptEvent } = hooks;
        hooks.intercept = (cpu, what) => {
          const isExit = intercept.call(hooks, cpu, what);
          coverage.hit(enumerate.intercept | (hashOf(what.kind) & 0xffff_fe) | (isExit ? 1 : 0));
          return isExit;
        };
        hooks.interceptEvent = (cpu, event) => {
          const isExit = interceptEvent.call(hooks, cpu, event);
          coverage.hit(enumerate.intercept | 0x800_0000 | (event.vector << 1) | (isExit ? 1 : 0));
          return isExit;
        };
        return hooks;
      },
    },
  };
}

/** An exit of a subject: reason, class of its qualification, action of the policy. */
export function hitExit(coverage: Coverage, reason: number, qualification: number, info: number, action: number): void {
  const kind = qualificationClass(reason & 0xffff, qualification, info);
  coverage.hit(enumerate.exit ^ ((reason & 0x8000_003f) * 0x101) ^ (kind << 14) ^ (action << 22));
}

/** A step of the kernel model from one mode to another. */
export const hitModel = (coverage: Coverage, from: number, to: number): void =>
  coverage.hit(enumerate.model | (from << 10) | to);

/** FNV-1a. */
export function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193);
  return hash & 0xff_ffff;
}
