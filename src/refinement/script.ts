import type { ScriptStep } from '../trace/trace.ts';

/** What a script showed. */
export interface ScriptJudgement {
  /** Empty if nothing is wrong. */
  readonly what: string;
  /** Index of the step that showed it. */
  readonly step: number;
  /** Steps that had an effect. */
  readonly effective: number;
  readonly witnesses: Readonly<Record<string, number>>;
}

/** Runs scripts against the implementation and whatever it is compared with. */
export type ScriptRunner<Ops> = (ops: Ops, steps: readonly ScriptStep[]) => ScriptJudgement;

/** Collects a judgement step by step. */
export class ScriptLog {
  readonly #witnesses: Record<string, number> = {};
  #what = '';
  #failedStep = 0;
  #effective = 0;

  constructor(witnesses: readonly string[]) {
    for (const id of witnesses) this.#witnesses[id] = 0;
  }

  get hasFailed(): boolean {
    return this.#what !== '';
  }

  /** Counts a step that did something. */
  effective(): void {
    this.#effective += 1;
  }

  /** Notes that something was seen. */
  see(id: string, isSeen = true): void {
    if (isSeen) this.#witnesses[id] = (this.#witnesses[id] ?? 0) + 1;
  }

  /** The first failure counts; an empty text is none. */
  fail(step: number, what: string): void {
    if (this.#what !== '' || what === '') return;
    this.#what = what;
    this.#failedStep = step;
  }

  judgement(): ScriptJudgement {
    return {
      what: this.#what,
      step: this.#failedStep,
      effective: this.#effective,
      witnesses: { ...this.#witnesses },
    };
  }
}

/** Operand `index` of a step, brought into 0 .. count-1, so that every script is meaningful. */
export const operand = ({ operands }: ScriptStep, index: number, count: number): number => {
  const value = Math.abs(operands[index] ?? 0);
  return count <= 0 ? 0 : value % count;
};
