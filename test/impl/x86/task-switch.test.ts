import { describe, expect, it } from 'vitest';
import { EventType } from '../../../src/impl/x86/hooks.ts';
import { Cr0, Cr4, Field, Flag, Seg } from '../../../src/impl/x86/state-layout.ts';
import { type GuestMachine, guestMachine } from '../../guests/machine.ts';

/* What no transcript of tasks32 can show: Bochs ends in a triple fault, or no test guest gets there. */

const GDT = 0x1000;
const IDT = 0x2000;
const OLD = 0x3000;
const NEW = 0x3100;
const PDPT = 0x4000;
const CODE = 0x10_0000;
const HANDLER = 0x10_0800;
const ENTRY = 0x10_0c00;
const OLD_TASK = 0x18;
const NEW_TASK = 0x20;
const STACK = 0x8_0000;

const flat = (access: number): bigint => 0x00cf_0000_0000_ffffn | (BigInt(access) << 40n);
const tss = (base: number, access: number): bigint => 0x67n | (BigInt(base) << 16n) | (BigInt(access) << 40n);
const interruptGate = (offset: number): bigint =>
  BigInt(offset & 0xffff) | (8n << 16n) | (0x8en << 40n) | (BigInt(offset >>> 16) << 48n);

/** A machine in flat protected mode whose next instruction is a far JMP to a second task. */
function machineWithTasks(fields: Readonly<Record<number, number>> = {}): GuestMachine {
  const jump = Uint8Array.of(0xea, 0, 0, 0, 0, NEW_TASK, 0);
  const image = new Uint8Array(0x1000).fill(0x90);
  image.set(jump);
  const machine = guestMachine(image);
  const { cpu } = machine;
  const put = (address: number, value: bigint, bytes = 8): void => cpu.writePhysical(address, bytes, value);
  [0n, flat(0x9b), flat(0x93), tss(OLD, 0x8b), tss(NEW, 0x89)].forEach((value, index) => {
    put(GDT + index * 8, value);
  });
  for (let vector = 0; vector < 32; vector++) put(IDT + vector * 8, interruptGate(HANDLER + vector * 8));
  put(IDT + 0x40 * 8, BigInt(NEW_TASK << 16) | (0x85n << 40n));
  const task: Record<number, number> = {
    4: STACK,
    8: 0x10,
    28: PDPT,
    32: ENTRY,
    36: 2,
    56: STACK,
    72: 0x10,
    76: 8,
    80: 0x10,
    84: 0x10,
    ...fields,
  };
  for (const [offset, value] of Object.entries(task)) put(NEW + Number(offset), BigInt(value), 4);
  const { state } = cpu;
  state.setU64(Field.gdtrBase, BigInt(GDT));
  state.setU32(Field.gdtrLimit, 0x27);
  state.setU64(Field.idtrBase, BigInt(IDT));
  state.setU32(Field.idtrLimit, 0x7ff);
  state.setSegment(Seg.tr, OLD_TASK, BigInt(OLD), 0x67, 0x8b);
  state.setGpr(4, BigInt(STACK));
  cpu.updateContext();
  return machine;
}

describe('a task switch', () => {
  it('to a CR3 with reserved bits in a PDPTE is #TS for the new TSS, in the address space of the old task', () => {
    const machine = machineWithTasks({ 28: PDPT + 0x20 });
    const { cpu } = machine;
    const { state } = cpu;
    cpu.writePhysical(PDPT, 8, 0x5001n);
    cpu.writePhysical(PDPT + 0x20, 8, 0x51e7n);
    cpu.writePhysical(0x5000, 8, 0x83n);
    state.setU64(Field.cr4, BigInt(Cr4.pae));
    state.setU64(Field.cr3, BigInt(PDPT));
    expect(cpu.space.loadPdptes()).toBe(true);
    state.setU64(Field.cr0, state.u64(Field.cr0) | BigInt(Cr0.pg));
    cpu.updateContext();
    cpu.step();
    expect(state.rip).toBe(BigInt(HANDLER + 10 * 8));
    expect(cpu.readPhysical(STACK - 24, 4)).toBe(BigInt(NEW_TASK));
    expect(cpu.readPhysical(STACK - 20, 4)).toBe(BigInt(ENTRY));
    expect(state.u64(Field.cr3)).toBe(BigInt(PDPT));
    expect(state.selector(Seg.tr)).toBe(NEW_TASK);
  });

  it('of an instruction that began with TF, to a task with the T flag, is one #DB for both', () => {
    const { cpu } = machineWithTasks({ 100: 1 });
    const { state } = cpu;
    state.rflags |= Flag.tf;
    cpu.updateContext();
    cpu.step();
    expect(state.rip).toBe(BigInt(HANDLER + 8));
    expect(state.u64(Field.dr6) & 0xf00fn).toBe(0xc000n);
    expect(cpu.readPhysical(STACK - 12, 4)).toBe(BigInt(ENTRY));
  });

  it('by an external interrupt saves the place of the next instruction, links and nests', () => {
    const { cpu } = machineWithTasks();
    const { state } = cpu;
    const event = { vector: 0x40, type: EventType.external, errorCode: undefined, instructionLength: 0, payload: 0n };
    cpu.deliver(event);
    expect(state.rip).toBe(BigInt(ENTRY));
    expect(cpu.readPhysical(OLD + 0x20, 4)).toBe(BigInt(CODE));
    expect(cpu.readPhysical(NEW, 2)).toBe(BigInt(OLD_TASK));
    expect(state.rflags & Flag.nt).toBe(Flag.nt);
    expect(state.gpr(4)).toBe(BigInt(STACK));
  });

  it('by an external interrupt to a task with a bad segment is #TS with EXT', () => {
    const { cpu } = machineWithTasks({ 84: 0x1230 });
    cpu.deliver({ vector: 0x40, type: EventType.external, errorCode: undefined, instructionLength: 0, payload: 0n });
    expect(cpu.state.rip).toBe(BigInt(HANDLER + 10 * 8));
    expect(cpu.readPhysical(STACK - 16, 4)).toBe(0x1231n);
  });
});
