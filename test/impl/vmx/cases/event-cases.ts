import { Proc } from '../../../../src/impl/vmx/control-bits.ts';
import { OP, type Op, op, poke, type VmxCase, vmwrite } from './case-program.ts';
import { CPUID, long, NOP, off, Register, set } from './guest-case.ts';
import {
  EPT_PAGE_TABLE,
  GUEST_CODE,
  GUEST_DATA,
  GUEST_IDT,
  GUEST_PAGE_TABLE,
  IO_BITMAP_A,
  IO_BITMAP_B,
  LONG,
  MSR_BITMAP,
} from './profiles.ts';

/* Ports, MSRs, exceptions and injected events. */

export function portAndMsrCases(): VmxCase[] {
  const unconditional = [
    off(LONG, 'PROC_CONTROLS', Proc.ioBitmaps | 0x8000_0000),
    vmwrite('PROC_CONTROLS', (0x0400_6172 | Proc.unconditionalIoExiting | Proc.secondaryControls) >>> 0),
  ];
  const ins = [Register.rdi, Register.rsi].map(register => set(register, GUEST_DATA));
  const ports: readonly (readonly [string, readonly number[]])[] = [
    ['IN AL, 0x71', [0xe4, 0x71]],
    ['IN EAX, 0x71', [0xe5, 0x71]],
    ['OUT 0x80, AL', [0xe6, 0x80]],
    ['OUT 0x80, AX', [0x66, 0xe7, 0x80]],
    ['IN AL, DX', [0xec]],
    ['OUT DX, EAX', [0xef]],
    ['INSB', [0x6c]],
    ['REP INSW', [0xf3, 0x66, 0x6d]],
    ['OUTSB', [0x6e]],
    ['REP OUTSD', [0xf3, 0x6f]],
    ['REP OUTSB fs:', [0xf3, 0x64, 0x6e]],
    ['OUTSD, 32-bit address', [0x67, 0x6f]],
  ];
  const always = ports.map(([name, bytes]) =>
    long(`${name}, unconditional`, bytes, ...unconditional, ...ins, set(Register.rdx, 0x1234), set(Register.rcx, 2)),
  );
  const bitmapped = [
    long('IN from a port of bitmap A', [0xec], set(Register.rdx, 0x71), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('IN from a port beside it', [0xec, ...CPUID], set(Register.rdx, 0x72), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('IN of four bytes whose last is set', [0xed], set(Register.rdx, 0x6e), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('OUT to a port of bitmap B', [0xee], set(Register.rdx, 0xffff), poke(IO_BITMAP_B + 0xff8, 1n << 63n)),
    long('IN across both bitmaps', [0xed], set(Register.rdx, 0x7ffe), poke(IO_BITMAP_B, 1)),
    long('IN that wraps', [0xed], set(Register.rdx, 0xfffe)),
  ];
  const msr = (name: string, write: boolean, index: number, ...ops: readonly Op[]): VmxCase =>
    long(
      `${write ? 'WRMSR' : 'RDMSR'} ${name}`,
      [0x0f, write ? 0x30 : 0x32, ...CPUID],
      set(Register.rcx, index),
      ...ops,
    );
  const msrs = [
    msr('low, bit set', false, 0x174, poke(MSR_BITMAP + 0x28, 1n << 52n)),
    msr('low, bit clear', false, 0x174),
    msr('low, bit of the other direction', true, 0x174, poke(MSR_BITMAP + 0x28, 1n << 52n)),
    msr('low, bit set', true, 0x174, poke(MSR_BITMAP + 0x828, 1n << 52n)),
    msr('high, bit set', false, 0xc000_0081, poke(MSR_BITMAP + 0x410, 2)),
    msr('high, bit set', true, 0xc000_0081, poke(MSR_BITMAP + 0xc10, 2)),
    msr('high, bit clear', true, 0xc000_0081),
    msr('between the ranges', false, 0x2000),
    msr('above the high range', true, 0xc000_2000),
    msr('that does not exist', false, 0x1234),
    msr('without bitmaps', false, 0x174, off(LONG, 'PROC_CONTROLS', Proc.msrBitmaps)),
    msr('EFER in a guest', false, 0xc000_0080),
  ];
  return [...always, ...bitmapped, ...msrs];
}

export function exceptionCases(): VmxCase[] {
  const READ = [0x48, 0x8b, 0x03];
  const WRITE = [0x48, 0x89, 0x03];
  const missing = 0x3a000;
  const unmapped = [poke(GUEST_PAGE_TABLE + 0x3a * 8, 0), set(Register.rbx, missing)];
  const fault = (name: string, bytes: readonly number[], ...ops: readonly Op[]): VmxCase =>
    long(name, bytes, ...unmapped, ...ops);
  const mask = (bitmap: number, maskBits: number, match: number): Op[] => [
    vmwrite('EXCEPTION_BITMAP', bitmap),
    vmwrite('PAGE_FAULT_ERROR_CODE_MASK', maskBits),
    vmwrite('PAGE_FAULT_ERROR_CODE_MATCH', match),
  ];
  const ALL = 0xffff_ffff;
  const NO_PF = ALL & ~(1 << 14);
  const gate = (vector: number, low: bigint | number): Op => poke(GUEST_IDT + 16 * vector, low);
  return [
    fault('page fault by a read', READ),
    fault('page fault by a write', WRITE),
    fault('page fault by a fetch', [0xff, 0xe3]),
    ...[
      [ALL, 0, 0],
      [ALL, 2, 2],
      [ALL, 2, 0],
      [ALL, 1, 1],
      [NO_PF, 0, 0],
      [NO_PF, 2, 2],
      [NO_PF, 2, 0],
      [NO_PF, 0, 0xffff_ffff],
      [ALL, 0, 0xffff_ffff],
    ].flatMap(([bitmap, maskBits, match]) => [
      fault(
        `read, bitmap ${bitmap! >>> 0}, mask ${maskBits}, match ${match}`,
        READ,
        ...mask(bitmap!, maskBits!, match!),
      ),
      fault(
        `write, bitmap ${bitmap! >>> 0}, mask ${maskBits}, match ${match}`,
        WRITE,
        ...mask(bitmap!, maskBits!, match!),
      ),
    ]),
    long('divide error', [0x31, 0xc9, 0xf7, 0xf1]),
    long('general protection', [0x48, 0x8b, 0x03], set(Register.rbx, 1n << 62n)),
    long('stack fault', [0x48, 0x8b, 0x45, 0x00], op(OP.register, 5, 1n << 62n)),
    long('INT3', [0xcc]),
    long('INT1', [0xf1]),
    long('INT 0x80', [0xcd, 0x80]),
    long('INT3 taken by the guest', [0xcc], vmwrite('EXCEPTION_BITMAP', 0)),
    long('INT 0x80, gate not present', [0xcd, 0x80], gate(0x80, 0x3_0008_d000n)),
    long('INT 0x80, gate beyond the limit', [0xcd, 0x80], vmwrite('GUEST_IDTR_LIMIT', 0x7ff)),
    long('UD2, gate not present', [0x0f, 0x0b], vmwrite('EXCEPTION_BITMAP', ALL & ~(1 << 6)), gate(6, 0)),
    long('INT3, stack not mapped', [0xcc], vmwrite('EXCEPTION_BITMAP', ALL & ~8), vmwrite('GUEST_RSP', 0x20_0000)),
    long(
      'double fault',
      [0x0f, 0x0b],
      vmwrite('EXCEPTION_BITMAP', 1 << 8),
      vmwrite('GUEST_RSP', 0x20_0000),
      gate(14, 0),
    ),
    long('triple fault', [0x0f, 0x0b], vmwrite('EXCEPTION_BITMAP', 0), vmwrite('GUEST_IDTR_LIMIT', 0)),
    long('single step', [NOP, NOP], vmwrite('GUEST_RFLAGS', 0x102)),
    long('single step over CPUID', [...CPUID, NOP], vmwrite('GUEST_RFLAGS', 0x102)),
    long(
      'IRET to ring 3',
      [0x48, 0xcf],
      vmwrite('GUEST_RSP', 0x39f00),
      poke(0x39f00, GUEST_CODE + 2),
      poke(0x39f08, 0x3b),
      poke(0x39f10, 2),
      poke(0x39f18, 0x39e00),
      poke(0x39f20, 0x33),
    ),
    ...(
      [
        ['NMI', 0x8000_0202],
        ['external interrupt 0x40', 0x8000_0040],
        ['#UD', 0x8000_0306],
        ['#PF', 0x8000_0b0e],
        ['INT 0x41', 0x8000_0441],
        ['INT3', 0x8000_0603],
      ] as const
    ).flatMap(([name, info]) => {
      const base = [
        vmwrite('ENTRY_INTERRUPT_INFO', info),
        vmwrite('ENTRY_INSTRUCTION_LENGTH', 2),
        vmwrite('GUEST_RFLAGS', 0x202),
        vmwrite('ENTRY_EXCEPTION_ERROR_CODE', 6),
      ];
      const vector = Number(info) & 0xff;
      return [
        long(`injected ${name}, gate not present`, [NOP], ...base, gate(vector, 0)),
        long(`injected ${name}, stack without EPT mapping`, [NOP], ...base, poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
        long(`injected ${name}, stack not mapped`, [NOP], ...base, poke(GUEST_PAGE_TABLE + 0x39 * 8, 0)),
      ];
    }),
  ];
}
