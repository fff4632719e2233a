import { describe, expect, it } from 'vitest';
import { assembleKernel, createSystem } from '../../../src/impl/create-system.ts';
import { bootKernel, isHalt } from '../../../src/impl/muen/boot.ts';
import type { Kernel } from '../../../src/impl/muen/kernel-context.ts';
import type { KernelOps } from '../../../src/impl/muen/ops.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { System } from '../../../src/impl/system.ts';
import { failedEntryChecks } from '../../../src/impl/vmx/entry-check-table.ts';
import { EntryState } from '../../../src/impl/vmx/entry-state.ts';
import { vmcsWord } from '../../../src/impl/vmx/vmcs.ts';
import { slotAddress } from '../../../src/impl/vmx/vmx-unit.ts';
import { goldenDocument, goldenMissing, goldenSystems } from '../golden.ts';
import { boot, idOf, nop, run, sceneDocument } from './kernel-bench.ts';

const scene = { cpus: [[[['a']], [['b']]]] };
const FIRST_DUMP = 104;
const VTX = FIRST_DUMP + 1265;
const VTX_VALID = 16;

interface Audit {
  readonly reason: number;
  readonly validity: number;
  /** Bits 0 active VMCS, 1 requested VMCS, 2 field, 3 value, 4 instruction error. */
  readonly known: number;
  readonly active: number;
  readonly requested: number;
  readonly field: number;
  readonly error: number;
}

function auditOf({ memory, at }: Kernel): Audit {
  const base = at.crashAuditSlot * 0x1000;
  const view = new DataView(memory.bytes.slice(base, base + 0x1000).buffer);
  const number = (offset: number): number => Number(view.getBigUint64(offset, true));
  return {
    reason: number(FIRST_DUMP + 8),
    validity: view.getUint8(FIRST_DUMP + 17),
    known: view.getUint8(VTX),
    active: number(VTX + 1),
    requested: number(VTX + 9),
    field: view.getUint16(VTX + 17, true),
    error: view.getUint8(VTX + 27),
  };
}

/** The crash audit of a kernel with a defect that stops it at boot. */
function bootAudit(
  replace: (ops: KernelOps) => Partial<KernelOps>,
  before: (kernel: Kernel) => void = () => {},
): Audit {
  const ops = { ...defaultSeams.kernel, ...replace(defaultSeams.kernel) };
  const assembled = assembleKernel(sceneDocument(scene), { ...defaultSeams, kernel: ops });
  if (!assembled.ok) throw new Error('the scene does not compile');
  const { kernel } = assembled.value;
  before(kernel);
  let hasHalted = false;
  try {
    bootKernel(kernel);
  } catch (cause) {
    hasHalted = isHalt(cause);
  }
  expect(hasHalted).toBe(true);
  expect(kernel.platform.power).toBe('panic');
  return auditOf(kernel);
}

const vmcsOf = (system: System, name: string): number =>
  system.kernel.tables.subjects.find(row => row.name === name)!.pages.vmcs;

describe('a VMX instruction of the kernel that fails', () => {
  it('is VMXON: reason 0x4000 without further knowledge', () => {
    const audit = bootAudit(
      () => ({}),
      kernel => {
        Object.assign(kernel.platform.vmx, {
          capabilities: { ...kernel.platform.vmx.capabilities, physicalAddressBits: 12 },
        });
      },
    );
    expect(audit).toMatchObject({ reason: 0x4000, validity: 0, known: 0 });
  });

  it('is VMCLEAR of the VMXON region: reason 0x4002, error 3 not recorded without a current VMCS', () => {
    let wrong = 0;
    const audit = bootAudit(ops => ({
      clearVmcs(kernel, cpu, subject) {
        wrong = slotAddress(kernel.memory, kernel.at.vmxonSlots[cpu.id]!);
        const tables = {
          ...kernel.tables,
          subjects: kernel.tables.subjects.map(row => ({ ...row, pages: { ...row.pages, vmcs: wrong } })),
        };
        ops.clearVmcs({ ...kernel, tables }, cpu, subject);
      },
    }));
    expect(audit).toMatchObject({ reason: 0x4002, validity: VTX_VALID, known: 2, requested: wrong });
  });

  it('is VMPTRLD of a region with another revision: reason 0x4003', () => {
    const audit = bootAudit(ops => ({
      loadVmcs(kernel, cpu, subject) {
        kernel.memory.writeWord(kernel.at.vmcsSlots[subject]!, 0, 0x77);
        ops.loadVmcs(kernel, cpu, subject);
      },
    }));
    expect(audit).toMatchObject({ reason: 0x4003, validity: VTX_VALID, known: 2 });
    expect(audit.requested).toBeGreaterThan(0);
  });

  it('is VMWRITE without a current VMCS: reason 0x4004 and the field', () => {
    const audit = bootAudit(ops => ({
      armTimer(kernel, cpu) {
        cpu.vmcsSlot = -1;
        ops.armTimer(kernel, cpu);
      },
    }));
    expect(audit).toMatchObject({ reason: 0x4004, validity: VTX_VALID, known: 4, field: 0x482e });
  });

  it('is VMREAD without a current VMCS: reason 0x4005', () => {
    const audit = bootAudit(ops => ({
      injectInterrupt: ops.injectInterrupt,
      restoreState(kernel, cpu, subject) {
        ops.restoreState(kernel, cpu, subject);
        cpu.vmcsSlot = -1;
        ops.setInterruptWindow(cpu, true);
      },
    }));
    expect(audit).toMatchObject({ reason: 0x4005, validity: VTX_VALID, known: 4, field: 0x4002 });
  });

  it('is VM entry with invalid host state: VMRESUME fails with 5, then VMLAUNCH with 8', () => {
    const system = boot(sceneDocument(scene));
    const slot = system.kernel.at.vmcsSlots[idOf(system, 'b')]!;
    system.memory.writeWord(slot, vmcsWord('HOST_CR4'), 0);
    run(system, { programs: { a: [nop] } });
    expect(system.kernel.platform).toMatchObject({ power: 'panic', stopReason: 'entry fails with error 8 on CPU 0' });
    expect(auditOf(system.kernel)).toMatchObject({
      reason: 0x4001,
      validity: VTX_VALID,
      known: 0b1_0001,
      active: vmcsOf(system, 'b'),
      error: 8,
    });
  });

  it('is VM entry of a launched VMCS with invalid controls: the error is that of VMLAUNCH, 4', () => {
    const system = boot(sceneDocument(scene));
    const slot = system.kernel.at.vmcsSlots[idOf(system, 'a')]!;
    system.memory.writeWord(slot, vmcsWord('PIN_CONTROLS'), 0);
    run(system, { programs: { a: [{ kind: 'vmcall', low: 63, high: 0, cpl: 0 }] } });
    expect(auditOf(system.kernel)).toMatchObject({ reason: 0x4001, active: vmcsOf(system, 'a'), error: 4 });
  });
});

describe.skipIf(goldenMissing !== '')(`real policies ${goldenMissing}`, () => {
  it.each(goldenSystems)('%s: the described processor refuses only subjects that wait for their loader', folder => {
    const document = goldenDocument(folder);
    const created = createSystem(document, defaultSeams);
    if (!created.ok) throw new Error(created.error[0]?.message);
    const { kernel, memory } = created.value;
    const state = new EntryState(memory, kernel.platform.vmx.capabilities);
    for (const { id, name } of kernel.tables.subjects) {
      state.begin(kernel.at.vmcsSlots[id]!, { isLongMode: true, isX2apic: true });
      // A loaded subject starts with CR4.VMXE 0, so that its first entry fails and its monitor asks for the loader.
      const waits = document.subjects.find(row => row.name === name)!.vcpu.cr4.VMXEnable !== 1;
      expect(failedEntryChecks(state).map(({ check }) => check.id)).toEqual(waits ? ['guest-cr4'] : []);
    }
    for (const cpu of created.value.cpus) {
      const name = kernel.tables.subjects[created.value.subjectOn(cpu)]!.name;
      const waits = document.subjects.find(row => row.name === name)!.vcpu.cr4.VMXEnable !== 1;
      expect(cpu.entryFailureReason).toBe(waits ? 33 : 0);
    }
  });
});
