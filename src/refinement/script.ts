import type { ServerResponse, SessionPhase } from '../impl/genode/core/parent.ts';
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
  /** Everything that decides what further steps do, as text; absent where the runner does not say. */
  readonly state?: () => string;
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

  /** @param parts plain data, maps and sets that together decide what further steps do. */
  judgement(...parts: readonly unknown[]): ScriptJudgement {
    return {
      what: this.#what,
      step: this.#failedStep,
      effective: this.#effective,
      witnesses: { ...this.#witnesses },
      ...(parts.length === 0 ? {} : { state: () => JSON.stringify(parts, plain) }),
    };
  }
}

/** Makes JSON of what JSON has no word for. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map || value instanceof Set) return [...value];
  return ArrayBuffer.isView(value) ? Array.from(value as Uint8Array) : value;
}

/** A step that notes which of its operands its runner asks for, and how many values each has; for enumeration. */
export class AskingStep implements ScriptStep {
  readonly operation: string;
  readonly operands: readonly number[];
  /** Numbers of values by place, in the order in which they were asked for; several for one place if it is asked for again. */
  readonly asked = new Map<number, Set<number>>();

  constructor(operation: string, operands: readonly number[]) {
    this.operation = operation;
    this.operands = operands;
  }
}

/** Operand `index` of a step, brought into 0 .. count-1, so that every script is meaningful. */
export const operand = (step: ScriptStep, index: number, count: number): number => {
  if (step instanceof AskingStep) {
    const counts = step.asked.get(index) ?? new Set<number>();
    step.asked.set(index, counts.add(count));
  }
  const value = Math.abs(step.operands[index] ?? 0);
  return count <= 0 ? 0 : value % count;
};

/** Answers of a server, arbitrary ones first. */
export const RESPONSES: readonly ServerResponse[] = [
  'DELIVER',
  'DENIED',
  'INSUFFICIENT_RAM',
  'INSUFFICIENT_CAPS',
  'CONFIRM',
  'CLOSED',
];

const FITTING: Readonly<Partial<Record<SessionPhase, ServerResponse>>> = {
  CREATE_REQUESTED: 'DELIVER',
  UPGRADE_REQUESTED: 'CONFIRM',
  CLOSE_REQUESTED: 'CLOSED',
};

/** Answer that a script means: six of sixteen operands mean any one, the others the one that moves the session on. */
export function responseOf(step: ScriptStep, index: number, phase: SessionPhase | undefined): ServerResponse {
  const choice = operand(step, index, 16);
  return RESPONSES[choice] ?? (phase === undefined ? undefined : FITTING[phase]) ?? 'DELIVER';
}
