import { describe, expect, test } from 'vitest';
import { isWorkbench, workbench } from '../../properties/workbench.ts';
import type { ExitCause } from '../../src/impl/exit-cause.ts';
import { scriptSoftware } from '../../src/impl/hosted.ts';
import { type HostedSubject, hostSoftware } from '../../src/impl/hosted-subject.ts';
import { initialReader } from '../../src/impl/native/muchannel-reader.ts';
import { type OwnMemory, ReceiverGuard } from '../../src/refinement/receiver-guard.ts';
import { hpa } from '../../src/units/address.ts';
import type { Operation } from '../../src/units/operation.ts';
import { scenarioContext } from '../properties/scenario-context.ts';

const READER = 1;
const LAYOUT = { address: 0x1000, protocol: 1, elementBytes: 16, elements: 2 };
const OWN: OwnMemory = { address: 0x8000, physicalAddress: 0x7000_0000, sizeBytes: 0x100 };
const FAULT: ExitCause = {
  reason: 0,
  qualification: 0,
  interruptInfo: 0,
  interruptErrorCode: 0,
  guestPhysicalAddress: 0,
  instructionLength: 0,
};

const found = workbench(scenarioContext('log-channel'));
if (!isWorkbench(found)) throw new Error('log-channel cannot be built');
const { system } = found.bench;
const cpu = system.cpus[1]!;

/** The subject with an operation in flight, in a phase of its reader. */
const hosted = (operation: Operation, phase: string): HostedSubject => ({
  ...hostSoftware(scriptSoftware([])),
  state: { receiver: { phase: 'read', isHinted: false, reader: { ...initialReader, purpose: 'read', phase } } },
  operation,
});

const load = (offset: number, sizeBytes: 1 | 2 | 4 | 8 = 8): Operation => ({
  kind: 'read',
  address: LAYOUT.address + offset,
  sizeBytes,
});
const store = (address: number): Operation => ({ kind: 'write', address, sizeBytes: 8, low: 1, high: 0 });

function guard(own: OwnMemory | undefined = undefined): ReceiverGuard {
  const end = { subject: 'reader', id: READER, entryPoint: 0, address: LAYOUT.address };
  return new ReceiverGuard(system, { end, layout: LAYOUT, own, calls: [3] });
}

/** What the guard says of one operation; empty if nothing. */
function verdict(operation: Operation, exit?: ExitCause, own?: OwnMemory): string {
  const watched = guard(own);
  system.memory.beginStep();
  watched.onOperation(cpu, READER, hosted(operation, 'epoch'), exit);
  return watched.divergence?.what ?? '';
}

describe('what a receiver may do', () => {
  test.each<readonly [string, Operation]>([
    ['load the first word', load(0)],
    ['load the last word', load(64 + 32 - 8)],
    ['enable interrupts', { kind: 'sti' }],
    ['disable interrupts', { kind: 'cli' }],
    ['wait', { kind: 'nop' }],
    ['raise its own event', { kind: 'vmcall', low: 3, high: 0, cpl: 0 }],
  ])('%s', (_name, operation) => {
    expect(verdict(operation)).toBe('');
  });

  test('store into its own memory', () => {
    expect(verdict(store(OWN.address + OWN.sizeBytes - 8), undefined, OWN)).toBe('');
  });
});

describe('what a receiver may not do', () => {
  test.each<readonly [string, Operation, RegExp]>([
    ['load before the channel', load(-8), /offset -8/],
    ['load across its end', load(64 + 32 - 4), /offset 92 of a channel of 96 bytes/],
    ['store', store(LAYOUT.address), /stores into memory/],
    ['raise another event', { kind: 'vmcall', low: 4, high: 0, cpl: 0 }, /event 4/],
    ['raise an event beyond 32 bits', { kind: 'vmcall', low: 3, high: 1, cpl: 0 }, /event 3/],
    ['trap', { kind: 'exit', reason: 10, qualification: 0, interruptInfo: 0 }, /does exit/],
  ])('%s', (_name, operation, expected) => {
    expect(verdict(operation)).toMatch(expected);
  });

  test('fault', () => {
    expect(verdict(load(8), FAULT)).toMatch(/load at offset 8 of the channel faults/);
    expect(verdict(store(OWN.address), FAULT, OWN)).toMatch(/store at offset 0 of its memory faults/);
  });

  test('store outside of its own memory', () => {
    expect(verdict(store(OWN.address - 8), undefined, OWN)).toMatch(/offset -8 of its memory/);
    expect(verdict(store(OWN.address + OWN.sizeBytes - 4), undefined, OWN)).toMatch(/offset 252 of its memory/);
  });

  test('write a frame that is not its own, whatever its operation says', () => {
    const watched = guard(OWN);
    system.memory.beginStep();
    system.memory.writePair(hpa(0x6000_0000), 1, 0);
    watched.onOperation(cpu, READER, hosted({ kind: 'nop' }, 'epoch'), undefined);
    expect(watched.divergence?.what).toMatch(/wrote frame 0x60000/);
  });

  test('go on with a read for ever', () => {
    const watched = guard();
    system.memory.beginStep();
    watched.onOperation(cpu, READER, hosted(load(8), 'epoch'), undefined);
    for (let count = 0; count < 12; count++) {
      watched.onOperation(cpu, READER, hosted(load(64), 'data'), undefined);
      expect(watched.divergence).toBeUndefined();
    }
    watched.onOperation(cpu, READER, hosted(load(64), 'data'), undefined);
    expect(watched.divergence?.what).toMatch(/a read does not end: 14 loads/);
    expect(watched.reads).toBe(1);
  });
});

test('what other subjects do is not judged', () => {
  const watched = guard();
  watched.onOperation(cpu, READER + 1, hosted(store(0), 'epoch'), undefined);
  expect(watched).toMatchObject({ operations: 0, divergence: undefined });
});
