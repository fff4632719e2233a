import { describe, expect, it } from 'vitest';
import { Exit, Pin, Proc } from '../../../src/impl/vmx/control-bits.ts';
import { vmcsWord } from '../../../src/impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../../../src/impl/vmx/vmcs-fields.ts';
import { Activity, Field, Gpr } from '../../../src/impl/x86/state-layout.ts';
import { frameOf, hpa } from '../../../src/units/address.ts';
import { type GuestMachine, guestMachine, imageOf } from '../../guests/machine.ts';
import { builtGuest } from '../../guests/rom.ts';
import { caseData, code, encodingOf, launch, OP, type Op, op, vmwrite } from './cases/case-program.ts';
import { GUEST_CODE, GUEST_STUBS, LONG, profileValue, VMCS_A } from './cases/profiles.ts';

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

  it('acknowledges the interrupt at the exit where the control says so, and leaves it pending else', () => {
    const exitControls = profileValue(LONG, encodingOf('EXIT_CONTROLS'));
    for (const [controls, info] of [
      [exitControls | BigInt(Exit.acknowledgeInterrupt), 0x8000_0045n],
      [exitControls, 0n],
    ] as const) {
      const machine = stopped(...code(GUEST_CODE, 0xeb, 0xfe), vmwrite('EXIT_CONTROLS', controls), launch());
      const { cpu, apic } = machine;
      while (!cpu.isNonRoot) cpu.run(1000);
      apic.write(0xf0, 0x1ff, 0);
      apic.receive(0, 0x45);
      cpu.run(1000);
      expect(read(machine, 'EXIT_INTERRUPT_INFO') & 0xffff_ffffn).toBe(info);
      expect(apic.pendingVector(0)).toBe(info === 0n ? 0x45 : -1);
    }
  });

  it('an NMI exits with NMI exiting, and is delivered to the guest without it', () => {
    const spin = code(GUEST_CODE, 0xeb, 0xfe);
    const exiting = stopped(...spin, launch());
    while (!exiting.cpu.isNonRoot) exiting.cpu.run(1000);
    exiting.apic.receive(4, 0);
    expect(exiting.cpu.run(1000).reason).toBe('stopped');
    expect(read(exiting, 'EXIT_REASON') & 0xffff_ffffn).toBe(0n);
    expect(read(exiting, 'EXIT_INTERRUPT_INFO') & 0xffff_ffffn).toBe(0x8000_0202n);
    const pins = profileValue(LONG, encodingOf('PIN_CONTROLS'));
    const own = stopped(...spin, vmwrite('PIN_CONTROLS', pins & ~BigInt(Pin.nmiExiting | Pin.virtualNmis)), launch());
    while (!own.cpu.isNonRoot) own.cpu.run(1000);
    own.apic.receive(4, 0);
    own.cpu.run(1000);
    // The handler of the guest calls the hypervisor.
    expect(read(own, 'EXIT_REASON') & 0xffff_ffffn).toBe(18n);
    expect(read(own, 'GUEST_RIP') >= BigInt(GUEST_STUBS)).toBe(true);
    expect(read(own, 'GUEST_INTERRUPTIBILITY') & 8n).toBe(8n);
  });

  it('virtual NMIs: blocking by NMI in the guest is virtual and does not hold an NMI back', () => {
    const machine = stopped(...code(GUEST_CODE, 0xeb, 0xfe), vmwrite('GUEST_INTERRUPTIBILITY', 8), launch());
    while (!machine.cpu.isNonRoot) machine.cpu.run(1000);
    machine.apic.receive(4, 0);
    expect(machine.cpu.run(1000).reason).toBe('stopped');
    expect(read(machine, 'EXIT_INTERRUPT_INFO') & 0xffff_ffffn).toBe(0x8000_0202n);
    expect(read(machine, 'GUEST_INTERRUPTIBILITY') & 8n).toBe(8n);
  });

  it('adds the TSC offset to what the guest reads', () => {
    const machine = stopped(
      ...code(GUEST_CODE, 0x0f, 0x31, 0x0f, 0xa2),
      proc(Proc.tscOffsetting),
      vmwrite('TSC_OFFSET', 1n << 40n),
      launch(),
    );
    machine.cpu.run(500_000);
    expect(read(machine, 'EXIT_REASON') & 0xffff_ffffn).toBe(10n);
    expect(machine.cpu.state.gpr(Gpr.rdx)).toBe(0x100n);
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
