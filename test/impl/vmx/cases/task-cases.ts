import { code, launch, type Op, poke, type VmxCase, vmwrite } from './case-program.ts';
import { GUEST_CODE, GUEST_GDT, GUEST_IDT, GUEST_TSS, PROTECTED } from './profiles.ts';

/* Task switches, each of which exits (SDM Vol. 3C, "Instructions That Cause VM Exits", table "Exit Qualification for Task Switches"). */

/** Selectors of the guest's GDT that these cases fill. */
const Selector = {
  available: 0x80,
  busy: 0x88,
  gate: 0x90,
  absent: 0x98,
  absentGate: 0xa0,
  gateToCode: 0xa8,
  short: 0xb0,
} as const;
const TSS_BASE = BigInt(GUEST_TSS);

const tss = (access: number): bigint =>
  0x67n | ((TSS_BASE & 0xff_ffffn) << 16n) | (BigInt(access) << 40n) | ((TSS_BASE >> 24n) << 56n);
const taskGate = (selector: number, access = 0x85): bigint => (BigInt(selector) << 16n) | (BigInt(access) << 40n);

const descriptors: readonly Op[] = [
  poke(GUEST_GDT + Selector.available, tss(0x89)),
  poke(GUEST_GDT + Selector.busy, tss(0x8b)),
  poke(GUEST_GDT + Selector.gate, taskGate(Selector.available)),
  poke(GUEST_GDT + Selector.absent, tss(0x09)),
  poke(GUEST_GDT + Selector.absentGate, taskGate(Selector.available, 0x05)),
  poke(GUEST_GDT + Selector.gateToCode, taskGate(0x28)),
  poke(GUEST_GDT + Selector.short, tss(0x89) - 1n),
];

const task = (name: string, bytes: readonly number[], ...ops: readonly Op[]): VmxCase => ({
  name: `task switch: ${name}`,
  lists: [PROTECTED],
  ops: [...descriptors, ...code(GUEST_CODE, ...bytes), ...ops, launch()],
});
const far = (opcode: number, selector: number): number[] => [opcode, 0, 0, 0, 0, selector, 0];
const JMP = 0xea;
const CALL = 0x9a;
const nested = vmwrite('GUEST_RFLAGS', 0x4002);

export function taskCases(): VmxCase[] {
  return [
    task('JMP to a TSS', far(JMP, Selector.available)),
    task('CALL of a TSS', far(CALL, Selector.available)),
    task('JMP to a task gate', far(JMP, Selector.gate)),
    task('CALL of a task gate', far(CALL, Selector.gate)),
    task('JMP to a busy TSS', far(JMP, Selector.busy)),
    task('JMP to an absent TSS', far(JMP, Selector.absent)),
    task('JMP to an absent task gate', far(JMP, Selector.absentGate)),
    task('JMP to a TSS that is too small', far(JMP, Selector.short)),
    task('JMP to a task gate that names code', far(JMP, Selector.gateToCode)),
    task('JMP with RPL above DPL', far(JMP, Selector.available | 3)),
    task('IRET with NT', [0xcf], nested, poke(GUEST_TSS, Selector.busy)),
    task('IRET with NT to an available TSS', [0xcf], nested, poke(GUEST_TSS, Selector.available)),
    task('INT through a task gate', [0xcd, 0x41], poke(GUEST_IDT + 0x41 * 8, taskGate(Selector.available))),
    task(
      'exception through a task gate',
      [0x0f, 0x0b],
      vmwrite('EXCEPTION_BITMAP', 0),
      poke(GUEST_IDT + 6 * 8, taskGate(Selector.available)),
    ),
    task(
      'page fault through a task gate',
      [0xa1, 0x00, 0x00, 0x50, 0x7f],
      vmwrite('EXCEPTION_BITMAP', 0),
      poke(GUEST_IDT + 14 * 8, taskGate(Selector.available)),
    ),
    task(
      'INT3 through a task gate',
      [0xcc],
      vmwrite('EXCEPTION_BITMAP', 0),
      poke(GUEST_IDT + 3 * 8, taskGate(Selector.available)),
    ),
  ];
}
