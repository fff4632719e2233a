import { describe, expect, it } from 'vitest';
import { type PairPlan, pairPlan } from '../../../properties/isolation/pair-plan.ts';
import { isWorkbench, workbench } from '../../../properties/workbench.ts';
import type { OperationDecoder } from '../../../src/arbitraries/decode-operation.ts';
import type { Operation, OperationKind } from '../../../src/units/operation.ts';
import { createRng } from '../../../src/units/rng.ts';
import { scenarioContext } from '../scenario-context.ts';

const WORDS = 4000;
const context = scenarioContext('log-proxy');
const found = workbench(context);
if (!isWorkbench(found)) throw new Error('log-proxy cannot be built');

function planOf(high: string, low: string): Exclude<PairPlan, { readonly excluded: string }> {
  if (!isWorkbench(found)) throw new Error('log-proxy cannot be built');
  const plan = pairPlan(context, found, high, low, 0, 1_000_000);
  if ('excluded' in plan) throw new Error(plan.excluded);
  return plan;
}

function operations(decoder: OperationDecoder): readonly Operation[] {
  const rng = createRng(7);
  return Array.from({ length: WORDS }, () => decoder.decode(rng.next())).flat();
}

/** Values of a member over all operations of a kind. */
function seen(list: readonly Operation[], kind: OperationKind, member: string): readonly unknown[] {
  const values = list
    .filter(operation => operation.kind === kind)
    .map(operation => new Map<string, unknown>(Object.entries(operation)).get(member));
  return [...new Set(values)].sort((a, b) => Number(a) - Number(b));
}

describe('a one-way channel', () => {
  it('has its reader tested as the high subject of a pair whose low one is its writer', () => {
    expect(planOf('genode_server', 'genode_client').preludes).toBeDefined();
    expect(() => planOf('genode_client', 'genode_server')).toThrow('permitted flow: channel');
  });
});

describe('every class of state that belongs to a subject alone', () => {
  it('is written by the high subject', () => {
    const native = operations(planOf('genode_client', 'log_watchdog').high);
    expect(seen(native, 'load', 'register')).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(seen(native, 'writeFpu', 'place')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(seen(native, 'timedEvent', 'event')).not.toEqual([]);
    const guest = operations(planOf('guest_vm', 'genode_client').high);
    expect(seen(guest, 'wrmsr', 'index')).toEqual(
      expect.arrayContaining([0x174, 0x175, 0x176, 0xc000_0081, 0xc000_0082, 0xc000_0084, 0xc000_0100, 0xc000_0102]),
    );
  });

  it('is looked at by the low subject', () => {
    const native = operations(planOf('guest_vm', 'genode_client').low);
    expect(seen(native, 'readFpu', 'place')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(seen(native, 'readCr', 'register')).toEqual([0, 4]);
    const guest = operations(planOf('genode_client', 'guest_vm').low);
    expect(seen(guest, 'rdmsr', 'index')).toEqual(
      expect.arrayContaining([0x174, 0xc000_0080, 0xc000_0081, 0xc000_0100, 0xc000_0101, 0xc000_0102]),
    );
    expect(seen(guest, 'readCr', 'register')).toEqual([0, 3, 4]);
  });
});
