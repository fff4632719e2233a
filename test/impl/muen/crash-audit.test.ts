import { describe, expect, it } from 'vitest';
import { bootGlobal, runToEnd } from '../../../src/impl/muen/boot.ts';
import type { System } from '../../../src/impl/system.ts';
import type { Operation } from '../../../src/units/operation.ts';
import { boot, nop, run, sceneDocument } from './kernel-bench.ts';

/* The crash-audit page byte by byte, from Muen's documented layout: header 104 bytes, three dumps of 1293 bytes. */

const exit = (reason: number, interruptInfo = 0): Operation => ({
  kind: 'exit',
  reason,
  qualification: 0,
  interruptInfo,
});
const two = { cpus: [[[['a']]], [[['b']]]] };

function page(system: System): DataView {
  const base = system.kernel.at.crashAuditSlot * 0x1000;
  return new DataView(system.memory.bytes.slice(base, base + 0x1000).buffer);
}

const crashed = (operation: Operation): System => {
  const system = boot(sceneDocument(two));
  run(system, { programs: { a: [nop, operation] } });
  return system;
};

describe('the crash audit', () => {
  it('has an empty header after the first boot', () => {
    const view = page(boot(sceneDocument(two)));
    expect(view.getBigUint64(0, true)).toBe(0x0100_0df7_50d5_0e9an);
    expect(view.getBigUint64(72, true)).toBe(0n);
    expect(view.getBigUint64(80, true)).toBe(1n);
    expect(view.getBigUint64(88, true)).toBe(0n);
    expect([view.getUint8(102), view.getUint8(103)]).toEqual([0, 3]);
  });

  it.each([
    ['a trap that the policy does not allow', exit(10), 0x2000, 0b100],
    ['an exit reason beyond the trap table', exit(60), 0x2001, 0b100],
    ['an NMI', exit(0, 0x8000_0202), 0x1001, 0],
    ['a machine check', exit(0, 0x8000_0312), 0x1002, 0b10],
    ['a machine check at VM entry', exit(41), 0x1003, 0b10],
  ])('records %s', (_name, operation, reason, validity) => {
    const system = crashed(operation);
    expect(system.kernel.platform.power).toBe('panic');
    const view = page(system);
    expect(view.getUint8(102)).toBe(1);
    expect(view.getBigUint64(88, true)).toBe(1n);
    expect(view.getBigUint64(72, true)).toBe(2n);
    expect(view.getBigUint64(104 + 8, true)).toBe(BigInt(reason));
    expect(view.getUint8(104 + 16)).toBe(0);
    expect(view.getUint8(104 + 17)).toBe(validity);
    if (validity !== 0b100) return;
    const subject = 104 + 715;
    expect(view.getUint16(subject, true)).toBe(system.kernel.tables.subjects.find(row => row.name === 'a')!.id);
    // Exit reason and RIP of the state page, FCW of the XSAVE area.
    expect(view.getUint32(subject + 12 + 128, true)).toBe(operation.kind === 'exit' ? operation.reason : 0);
    expect(view.getUint16(subject + 505, true)).toBe(0x37f);
  });

  it('resets the machine through the reset port', () => {
    expect(crashed(exit(10)).kernel.platform.ports.read(0xcf9, 1)).toBe(0x06);
  });

  it('keeps its records over a warm reset, which it counts', () => {
    const system = crashed(exit(10));
    runToEnd(bootGlobal(system.kernel, system.cpus[0]!));
    const view = page(system);
    expect(view.getBigUint64(80, true)).toBe(2n);
    // How a reader knows that the records are of the boot before.
    expect(view.getBigUint64(72, true)).toBe(view.getBigUint64(80, true));
    expect(view.getBigUint64(104 + 8, true)).toBe(0x2000n);
  });

  it('takes a dump of each CPU that crashes at the same time', () => {
    const system = boot(sceneDocument(two));
    // CPU 1 proceeds when CPU 0 has filled its dump and not counted it yet.
    const interleavings = [{ point: 1, cpu: 1 }];
    run(system, { programs: { a: [exit(10)], b: [exit(60)] }, interleavings });
    const view = page(system);
    const reasons = [0, 1].map(dump => view.getBigUint64(104 + 1293 * dump + 8, true));
    expect(reasons.toSorted()).toEqual([0x2000n, 0x2001n]);
  });
});
