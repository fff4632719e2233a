import { describe, expect, it } from 'vitest';
import { Proc } from '../../../src/impl/vmx/control-bits.ts';
import { vmcsWord } from '../../../src/impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../../../src/impl/vmx/vmcs-fields.ts';
import { Activity, Field, Gpr } from '../../../src/impl/x86/state-layout.ts';
import { frameOf, hpa } from '../../../src/units/address.ts';
import { type GuestMachine, guestMachine, imageOf } from '../../guests/machine.ts';
import { builtGuest } from '../../guests/rom.ts';
import { caseData, code, encodingOf, launch, OP, type Op, op, vmwrite } from './cases/case-program.ts';
import { GUEST_CODE, LONG, profileValue, VMCS_A } from './cases/profiles.ts';

/** Machine whose hypervisor image runs one case, stopping at each VM exit as hosted root software wants it. */
function stopped(...ops: readonly Op[]): GuestMachine {
  const cases = [{ name: '', lists: [LONG], ops }];
  const machine = guestMachine(imageOf(builtGuest('vmx-cases'), caseData(cases)));
  machine.hooks.stopsAtExit = true;
  return machine;
}

const read = ({ cpu }: GuestMachine, field: string): bigint => cpu.readPhysical(VMCS_A + 4 * vmcsWord(field), 8);

const proc = (bits: number): Op =>
  vmwrite('PROC_CONTROLS', profileValue(LONG, encodingOf('PROC_CONTROLS')) | BigInt(bits >>> 0));

describe('hosted root software', () => {
  it('gets the processor back after a VM exit with the host state loaded, and may go on in machine code', () => {
    const machine = stopped(...code(GUEST_CODE, 0x0f, 0xa2), launch(2));
    expect(machine.cpu.run(500_000).reason).toBe('stopped');
    const { state } = machine.cpu;
    expect(machine.cpu.isNonRoot).toBe(false);
    expect(state.rip).toBe(read(machine, 'HOST_RIP'));
    expect(state.gpr(Gpr.rsp)).toBe(0x9_0000n);
    expect(read(machine, 'EXIT_REASON') & 0xffff_ffffn).toBe(10n);
    expect(read(machine, 'EXIT_INSTRUCTION_LENGTH') & 0xffff_ffffn).toBe(2n);
    expect(machine.cpu.run(500_000).reason).toBe('stopped');
    expect(read(machine, 'EXIT_REASON') & 0xffff_ffffn).toBe(18n);
    machine.hooks.stopsAtExit = false;
    machine.cpu.run(500_000);
    expect(machine.ports.text).toContain('xa l2');
    expect(machine.ports.text.endsWith('end\n')).toBe(true);
  });

  it('steps a guest by the monitor trap flag, which Bochs does not have', () => {
    const machine = stopped(...code(GUEST_CODE, 0x90, 0x90), proc(Proc.monitorTrapFlag), launch(8, [37]));
    const steps: string[] = [];
    for (let index = 0; index < 3; index++) {
      machine.cpu.run(500_000);
      steps.push(`${read(machine, 'EXIT_REASON') & 0xffff_ffffn}@${read(machine, 'GUEST_RIP').toString(16)}`);
    }
    expect(steps).toEqual(['37@3c001', '37@3c002', '18@3c002']);
  });

  it('sees a pending MTF event, and an interrupt of the local APIC as exit 1', () => {
    const pending = stopped(vmwrite('ENTRY_INTERRUPT_INFO', 0x8000_0700), launch());
    pending.cpu.run(500_000);
    expect(read(pending, 'EXIT_REASON') & 0xffff_ffffn).toBe(37n);
    const machine = stopped(...code(GUEST_CODE, 0xeb, 0xfe), launch());
    const { cpu, apic } = machine;
    while (!cpu.isNonRoot) cpu.run(1000);
    apic.write(0xf0, 0x1ff, 0);
    apic.receive(0, 0x45);
    expect(cpu.run(1000).reason).toBe('stopped');
    expect(read(machine, 'EXIT_REASON') & 0xffff_ffffn).toBe(1n);
    expect(read(machine, 'GUEST_RIP')).toBe(BigInt(GUEST_CODE));
  });

  it('is told of a start-up IPI to a guest that waits for one', () => {
    const machine = stopped(vmwrite('GUEST_ACTIVITY', Activity.waitForSipi), launch());
    const { cpu, apic } = machine;
    while (!cpu.isNonRoot) cpu.run(1000);
    expect(cpu.run(10).reason).toBe('waiting');
    apic.receive(6, 0x9a);
    cpu.run(10);
    expect([read(machine, 'EXIT_REASON') & 0xffff_ffffn, read(machine, 'EXIT_QUALIFICATION')]).toEqual([4n, 0x9an]);
  });

  it('shuts the processor down where the VM-exit MSR-store list names no MSR, and says so in the VMCS', () => {
    const machine = stopped(
      op(OP.poke, 0x29000, 0x1234),
      vmwrite('EXIT_MSR_STORE_ADDRESS', 0x29000),
      vmwrite('EXIT_MSR_STORE_COUNT', 1),
      launch(),
    );
    machine.cpu.run(500_000);
    expect(machine.cpu.state.u32(Field.activity)).toBe(Activity.shutdown);
    expect(machine.cpu.memory.readWord(machine.cpu.memory.findSlot(frameOf(hpa(VMCS_A))), 1)).toBe(1);
  });
});

describe('VMCS fields', () => {
  it('have encodings that say their width, and fit one region', () => {
    const encodings = new Set(VMCS_FIELDS.map(({ encoding }) => encoding));
    expect(encodings.size).toBe(VMCS_FIELDS.length);
    for (const { encoding, width, isNatural } of VMCS_FIELDS) {
      expect(encoding & 1).toBe(0);
      expect([16, 64, 32, 64][(encoding >>> 13) & 3]).toBe(width);
      expect(isNatural).toBe(((encoding >>> 13) & 3) === 3);
    }
    expect(vmcsWord(VMCS_FIELDS.at(-1)!.name) + 2).toBeLessThanOrEqual(1024);
  });
});
