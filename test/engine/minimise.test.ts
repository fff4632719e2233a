import { describe, expect, test } from 'vitest';
import { minimise } from '../../src/engine/minimise.ts';
import { shrinkList } from '../../src/engine/shrink-list.ts';
import {
  countEvents,
  countOperations,
  type RunSpec,
  type SubjectProgram,
  type TraceBody,
  type TraceOutcome,
} from '../../src/trace/trace.ts';
import type { Operation } from '../../src/units/operation.ts';
import { createRng } from '../../src/units/rng.ts';
import { emptyRun, outcomeOf } from './fake-property.ts';

const write = (address: number, low: number): Operation => ({ kind: 'write', address, sizeBytes: 4, low, high: 0 });
const call = (low: number): Operation => ({ kind: 'vmcall', low, high: 0, cpl: 0 });

function randomOperations(seed: number, count: number): Operation[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, () =>
    rng.below(2) === 0 ? write(rng.below(100) * 4096, rng.below(1000)) : call(rng.below(64)),
  );
}

const runOf = (programs: readonly SubjectProgram[], rest: Partial<RunSpec> = {}): RunSpec => ({
  ...emptyRun,
  programs,
  ...rest,
});
const bodyOf = (programs: readonly SubjectProgram[], rest: Partial<RunSpec> = {}): TraceBody => ({
  kind: 'run',
  run: runOf(programs, rest),
});

const operationsIn = (body: TraceBody, side: 'run' | 'left' | 'right' = 'run'): readonly Operation[] => {
  const run = body.kind === 'run' ? body.run : body.kind === 'pair' && side !== 'run' ? body[side] : emptyRun;
  return run.programs.flatMap(program => ('operations' in program ? program.operations : []));
};

const failsWhen =
  (holds: (body: TraceBody) => boolean) =>
  (body: TraceBody): TraceOutcome | undefined =>
    holds(body) ? outcomeOf(`${countOperations(body)} operations`) : undefined;

describe('shrinkList', () => {
  test('finds the needed items among many', () => {
    const items = Array.from({ length: 200 }, (_, index) => index);
    expect(shrinkList(items, rest => rest.includes(17) && rest.includes(150))).toEqual([17, 150]);
  });
  test('removes everything when nothing is needed, nothing when all is needed', () => {
    expect(shrinkList([1, 2, 3], () => true)).toEqual([]);
    expect(shrinkList([1, 2, 3], () => false)).toEqual([1, 2, 3]);
    expect(shrinkList([], () => true)).toEqual([]);
  });
  test('no single item of the result can be removed', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const rng = createRng(seed);
      const items = Array.from({ length: 40 }, (_, index) => index);
      const weights = items.map(() => rng.below(10));
      const keeps = (rest: readonly number[]): boolean =>
        rest.reduce((sum, item) => sum + (weights[item] ?? 0), 0) >= 37;
      const result = shrinkList(items, keeps);
      expect(keeps(result)).toBe(true);
      for (const item of result) expect(keeps(result.filter(other => other !== item))).toBe(false);
    }
  });
});

describe('minimise', () => {
  const fails = failsWhen(body => {
    const operations = operationsIn(body);
    const firstCall = operations.findIndex(operation => operation.kind === 'vmcall' && operation.low === 5);
    return (
      firstCall >= 0 &&
      operations.slice(firstCall).some(operation => operation.kind === 'write' && operation.address === 4096)
    );
  });
  const body = bodyOf(
    [
      {
        subject: 'a',
        operations: [
          ...randomOperations(1, 60),
          call(5),
          ...randomOperations(2, 60),
          write(4096, 777),
          ...randomOperations(3, 30),
        ],
      },
      { subject: 'b', operations: randomOperations(4, 80) },
      { subject: 'c', software: 'log-server', parameters: { size: 40 } },
    ],
    { interrupts: [{ tsc: 5, cpu: 0, vector: 48 }], interleavings: [{ point: 3, cpu: 1 }] },
  );
  const failure = { body, outcome: outcomeOf('long') };

  test('keeps only what the failure needs, and shrinks values but not addresses', () => {
    const result = minimise(failure, fails);
    expect(operationsIn(result.body)).toEqual([call(5), write(4096, 0)]);
    expect(countEvents(result.body)).toBe(0);
    expect(result.complete).toBe(true);
    expect(result.body.kind === 'run' && result.body.run.programs.map(program => program.subject)).toEqual(['a']);
  });

  test('its outcome is that of its body; it is deterministic and idempotent', () => {
    const result = minimise(failure, fails);
    expect(result.outcome).toEqual(fails(result.body));
    expect(minimise(failure, fails)).toEqual(result);
    const { executions: _again, ...second } = minimise(result, fails);
    const { executions: _first, ...first } = result;
    expect(second).toEqual(first);
  });

  test('never exceeds the cap, and then still returns a failing body', () => {
    for (const maxExecutions of [0, 1, 7, 50]) {
      const result = minimise(failure, fails, { maxExecutions });
      expect(result.executions).toBeLessThanOrEqual(maxExecutions);
      expect(result.complete).toBe(false);
      expect(fails(result.body)).toBeDefined();
      expect(countOperations(result.body)).toBeLessThanOrEqual(countOperations(body));
    }
  });

  test('keeps time where it matters: an operation that only fills time becomes a nop', () => {
    const atThirdPlace = failsWhen(candidate => operationsIn(candidate)[2]?.kind === 'vmcall');
    const result = minimise(
      {
        body: bodyOf([{ subject: 'a', operations: randomOperations(6, 9).map(() => call(9)) }]),
        outcome: outcomeOf('x'),
      },
      atThirdPlace,
    );
    expect(operationsIn(result.body)).toEqual([{ kind: 'nop' }, { kind: 'nop' }, call(0)]);
  });

  test('parameters of named software shrink, and a static body stays', () => {
    const needsClient = failsWhen(
      candidate => candidate.kind === 'run' && candidate.run.programs.some(program => 'software' in program),
    );
    const result = minimise(failure, needsClient);
    expect(result.body.kind === 'run' && result.body.run.programs).toEqual([
      { subject: 'c', software: 'log-server', parameters: { size: 0 } },
    ]);
    const fixed = { body: { kind: 'static' } as const, outcome: outcomeOf('static') };
    expect(minimise(fixed, () => outcomeOf('other'))).toMatchObject({ ...fixed, executions: 0 });
  });
});

describe('minimise of pair runs', () => {
  const common = randomOperations(7, 30);
  const pair: TraceBody = {
    kind: 'pair',
    high: 'h',
    low: 'l',
    left: runOf([
      { subject: 'h', operations: [...randomOperations(8, 20), call(9), ...randomOperations(9, 20)] },
      { subject: 'l', operations: [...common, call(1)] },
    ]),
    right: runOf([
      { subject: 'h', operations: randomOperations(10, 35) },
      { subject: 'l', operations: [...common, call(1)] },
    ]),
  };
  const fails = failsWhen(body => {
    const left = operationsIn(body, 'left');
    const right = operationsIn(body, 'right');
    const acts = (list: readonly Operation[]): boolean =>
      list.some(operation => operation.kind === 'vmcall' && operation.low === 9);
    const looks = (list: readonly Operation[]): boolean =>
      list.some(operation => operation.kind === 'vmcall' && operation.low === 1);
    return acts(left) && !acts(right) && looks(left) && looks(right);
  });

  test('the two sides still differ only in the high subject', () => {
    const usable = {
      ...pair,
      right: {
        ...pair.right,
        programs: pair.right.programs.map(program =>
          program.subject === 'h' && 'operations' in program
            ? {
                ...program,
                operations: program.operations.filter(operation => operation.kind !== 'vmcall' || operation.low !== 9),
              }
            : program,
        ),
      },
    } as const;
    const result = minimise({ body: usable, outcome: outcomeOf('pair') }, fails, { maxExecutions: 20_000 });
    const of = (side: 'left' | 'right', subject: string): readonly Operation[] =>
      result.body.kind === 'pair'
        ? result.body[side].programs
            .filter(program => program.subject === subject)
            .flatMap(program => ('operations' in program ? program.operations : []))
        : [];
    expect(result.complete).toBe(true);
    expect(of('left', 'l')).toEqual(of('right', 'l'));
    expect(of('left', 'l')).toEqual([call(1)]);
    expect(of('left', 'h')).toEqual([call(9)]);
    expect(of('right', 'h')).toEqual([]);
  });
});

describe('minimise: machine code and time', () => {
  const block = (address: number, hex: string) => ({ address, hex });
  const blocks = [block(0x1000, '0f01c1'), block(0x1003, 'b80100'), block(0x1006, 'f4'), block(0x1007, 'ebfe')];
  /** The program must hold HLT at its address and its last loop; the run must reach the TSC of 1000. */
  const needs = (body: TraceBody): boolean => {
    const [program] = body.kind === 'run' ? body.run.programs : [];
    if (program === undefined || !('machineCode' in program) || body.kind !== 'run') return false;
    const at = (address: number): string => program.machineCode.find(row => row.address === address)?.hex ?? '';
    return at(0x1006) === 'f4' && at(0x1007) === 'ebfe' && body.run.endTsc >= 1000;
  };

  test('blocks that are not needed become NOPs of the same length, so that addresses and time stay', () => {
    const body = bodyOf([{ subject: 'a', machineCode: blocks }], { endTsc: 50_000, maxKernelSteps: 400 });
    const small = minimise({ body, outcome: outcomeOf('fails') }, failsWhen(needs));
    expect(small.complete).toBe(true);
    const run = small.body.kind === 'run' ? small.body.run : emptyRun;
    expect(run.programs).toEqual([
      { subject: 'a', machineCode: [block(0x1000, '909090'), block(0x1003, '909090'), ...blocks.slice(2)] },
    ]);
    expect(countOperations(small.body)).toBe(1);
  });

  test('the run ends as early as halving brings it', () => {
    const body = bodyOf([{ subject: 'a', machineCode: blocks }], { endTsc: 50_000, maxKernelSteps: 400 });
    const { body: small } = minimise({ body, outcome: outcomeOf('fails') }, failsWhen(needs));
    const run = small.kind === 'run' ? small.run : emptyRun;
    expect(run.endTsc).toBeGreaterThanOrEqual(1000);
    expect(run.endTsc).toBeLessThan(2000);
    expect(run.maxKernelSteps).toBe(1);
  });
});
