import { Entry, Pin, Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { code, launch, OP, type Op, op, poke, type VmxCase, vmwrite } from './case-program.ts';
import { CPUID, guest, long, NOP, off, proc, proc2, Register, set } from './guest-case.ts';
import {
  APIC_ACCESS,
  EPT_PAGE_TABLE,
  EPT_ROOT,
  EXIT_MSR_LOAD,
  EXIT_MSR_STORE,
  GUEST_CODE,
  GUEST_DATA,
  GUEST_PAGE_TABLE,
  LONG,
  msrEntry,
  SHADOWED,
  VIRTUAL_APIC,
} from './profiles.ts';

/* EPT, windows, timers and other things of a running guest. */

export function eptCases(): VmxCase[] {
  const READ = [0x48, 0x8b, 0x03];
  const WRITE = [0x48, 0x89, 0x03];
  const FETCH = [0xff, 0xe3];
  const page = 0x3a;
  const at = (name: string, bytes: readonly number[], entry: number | bigint, ...ops: readonly Op[]): VmxCase =>
    long(name, bytes, poke(EPT_PAGE_TABLE + page * 8, entry), set(Register.rbx, GUEST_DATA + 0x123 * 8), ...ops);
  const kinds = [
    ['read', READ],
    ['write', WRITE],
    ['fetch', FETCH],
  ] as const;
  const flags = vmwrite('EPT_POINTER', EPT_ROOT + 0x5e);
  return [
    ...kinds.flatMap(([kind, bytes]) =>
      [0, 1, 3, 4, 5, 7].map(rights =>
        at(`EPT ${kind}, rights ${rights}`, [...bytes], rights === 0 ? 0 : 0x3_a030 | rights),
      ),
    ),
    ...kinds.flatMap(([kind, bytes]) => [
      at(`EPT ${kind}, write only`, bytes, 0x3_a032),
      at(`EPT ${kind}, memory type 2`, bytes, 0x3_a017),
      at(`EPT ${kind}, memory type 7`, bytes, 0x3_a03f),
      at(`EPT ${kind}, beyond the width`, bytes, 0x3_a037n | (1n << 45n)),
    ]),
    at('EPT uncacheable', READ, 0x3_a007),
    ...kinds.flatMap(([kind, bytes]) => [
      long(`EPT ${kind} of a page table`, bytes, poke(EPT_PAGE_TABLE + 0x37 * 8, 0), set(Register.rbx, GUEST_DATA)),
      long(
        `EPT ${kind} with a read-only page table`,
        bytes,
        poke(EPT_PAGE_TABLE + 0x37 * 8, 0x3_7035),
        set(Register.rbx, GUEST_DATA),
      ),
      long(
        `EPT ${kind} with a read-only page table and flags`,
        bytes,
        poke(EPT_PAGE_TABLE + 0x37 * 8, 0x3_7035),
        flags,
        set(Register.rbx, GUEST_DATA),
      ),
    ]),
    ...kinds.map(([kind, bytes]) => ({
      name: `EPT accessed and dirty after ${kind}`,
      lists: [LONG],
      ops: [
        ...code(GUEST_CODE, ...bytes),
        ...code(GUEST_DATA),
        flags,
        set(Register.rbx, GUEST_DATA),
        launch(),
        ...[0x3a, 0x37, 0x34, 0x3c, 0x39].map(index => op(OP.peek, EPT_PAGE_TABLE + index * 8)),
        op(OP.peek, EPT_ROOT),
        op(OP.peek, EPT_ROOT + 0x2000),
      ],
    })),
    ...kinds.map(([kind, bytes]) => ({
      name: `guest accessed and dirty after ${kind}`,
      lists: [LONG],
      ops: [
        ...code(GUEST_CODE, ...bytes),
        ...code(GUEST_DATA),
        set(Register.rbx, GUEST_DATA),
        launch(),
        op(OP.peek, GUEST_PAGE_TABLE + 0x3a * 8),
        op(OP.peek, 0x34000),
      ],
    })),
    long(
      'EPT violation beyond 512 GiB',
      READ,
      set(Register.rbx, GUEST_DATA),
      poke(GUEST_PAGE_TABLE + page * 8, 0x80_0000_0007n),
    ),
    long(
      'EPT large page',
      [...READ, ...CPUID],
      poke(EPT_ROOT + 0x2000, 0xb7),
      set(Register.rbx, GUEST_DATA),
      poke(GUEST_DATA, 0x1234),
    ),
    long('EPT large page, low address bits set', READ, poke(EPT_ROOT + 0x2000, 0x10_00b7)),
    long('EPT execute-only code', [...CPUID], poke(EPT_PAGE_TABLE + 0x3c * 8, 0x3_c034)),
    long('EPT code not executable', [...CPUID], poke(EPT_PAGE_TABLE + 0x3c * 8, 0x3_c033)),
    long('EPT root entry absent', [...CPUID], poke(EPT_ROOT, 0)),
    long('EPT root entry with reserved bit', [...CPUID], poke(EPT_ROOT, EPT_ROOT + 0x1000 + 0x87)),
    long('push without EPT mapping', [0x50], poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
    long(
      'REP MOVSB into a missing page',
      [0xf3, 0xa4],
      poke(EPT_PAGE_TABLE + 0x3b * 8, 0),
      set(Register.rdi, 0x3_affe),
      set(Register.rsi, GUEST_CODE),
      set(Register.rcx, 8),
    ),
    long('write across a page without mapping', WRITE, poke(EPT_PAGE_TABLE + 0x3b * 8, 0), set(Register.rbx, 0x3_affc)),
    guest('page fault without EPT', SHADOWED, READ, set(Register.rbx, 0x50_0000)),
  ];
}

/** IRET unblocks NMIs before it faults, which the exit tells (SDM Vol. 3C, "Information for VM Exits Due to Vectored Events"). */
function blockedReturnCases(): VmxCase[] {
  const blocked = vmwrite('GUEST_INTERRUPTIBILITY', 8);
  // The frame at RSP is zeros: a null CS.
  const iret = (name: string, ...ops: readonly Op[]): VmxCase =>
    long(`IRET that faults, ${name}`, [0x48, 0xcf], ...ops);
  return [
    iret('virtual NMIs blocked', blocked),
    iret('virtual NMIs not blocked'),
    iret('NMI exiting alone', blocked, off(LONG, 'PIN_CONTROLS', Pin.virtualNmis)),
    iret('no NMI exiting', blocked, off(LONG, 'PIN_CONTROLS', Pin.virtualNmis | Pin.nmiExiting)),
    iret('its stack unmapped by EPT, blocked', blocked, poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
    iret('its stack unmapped by EPT, not blocked', poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
    long('fault of another instruction with NMIs blocked', [0x0f, 0x0b], blocked),
  ];
}

export function eventCases(): VmxCase[] {
  const timer = (value: number): Op => vmwrite('PREEMPTION_TIMER', value);
  const window = proc(Proc.interruptWindowExiting);
  const nmiWindow = proc(Proc.nmiWindowExiting);
  const STI = 0xfb;
  const CLI = 0xfa;
  const MOV_SS = [0x8e, 0xd0];
  const ss = set(Register.rax, 0x10);
  const flags = vmwrite('GUEST_RFLAGS', 0x202);
  return [
    long('timer 0', [NOP], timer(0)),
    long('timer 0 with injection', [NOP], timer(0), vmwrite('ENTRY_INTERRUPT_INFO', 0x8000_0040), flags),
    long('timer 0 and interrupt window', [NOP], timer(0), window, flags),
    long('timer 0 and pending debug exception', [NOP], timer(0), vmwrite('GUEST_PENDING_DEBUG', 0x4000)),
    long('timer while halted', [NOP], vmwrite('GUEST_ACTIVITY', 1), timer(50)),
    long('timer in the shutdown state', [NOP], vmwrite('GUEST_ACTIVITY', 2), timer(50)),
    long('interrupt window open', [NOP], window, flags),
    long('interrupt window closed', [NOP, ...CPUID], window),
    long('interrupt window opened by STI', [STI, NOP, NOP, CLI], window),
    long('interrupt window, STI and CLI', [STI, CLI, ...CPUID], window),
    long('interrupt window, blocked by STI', [NOP, NOP], window, flags, vmwrite('GUEST_INTERRUPTIBILITY', 1)),
    long('interrupt window, blocked by MOV SS', [NOP, NOP], window, flags, vmwrite('GUEST_INTERRUPTIBILITY', 2)),
    long('interrupt window while halted', [NOP], window, flags, vmwrite('GUEST_ACTIVITY', 1)),
    long('interrupt window opened by POPF', [0x6a, 0x00, 0x81, 0x0c, 0x24, 0x02, 0x02, 0x00, 0x00, 0x9d, NOP], window),
    long('NMI window open', [NOP], nmiWindow),
    long('NMI window, blocked by NMI', [NOP, ...CPUID], nmiWindow, vmwrite('GUEST_INTERRUPTIBILITY', 8)),
    long('NMI window, blocked by MOV SS', [NOP, NOP], nmiWindow, vmwrite('GUEST_INTERRUPTIBILITY', 2)),
    long(
      'NMI window opened by IRET',
      [0x48, 0xcf, NOP],
      nmiWindow,
      vmwrite('GUEST_INTERRUPTIBILITY', 8),
      poke(0x39f00, GUEST_CODE + 2),
      poke(0x39f08, 8),
      poke(0x39f10, 2),
      poke(0x39f18, 0x39e00),
      poke(0x39f20, 0x10),
    ),
    ...blockedReturnCases(),
    long('both windows', [NOP], nmiWindow, window, flags),
    long('exit in the shadow of MOV SS', [...MOV_SS, ...CPUID, NOP], ss),
    long('exit in the shadow of STI', [STI, ...CPUID, NOP]),
    long('HLT in the shadow of STI', [STI, 0xf4]),
    long('TPR threshold at entry', [NOP], vmwrite('TPR_THRESHOLD', 0), poke(VIRTUAL_APIC + 0x80, 0)),
    long('TSC offset', [0x0f, 0x31, 0x31, 0xc0, ...CPUID], proc(Proc.tscOffsetting), vmwrite('TSC_OFFSET', 1n << 40n)),
    long(
      'entry without loading EFER',
      [0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, ...CPUID],
      off(LONG, 'ENTRY_CONTROLS', Entry.loadEfer),
    ),
    long(
      'PAUSE loop',
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 0xf3 : 0x90)),
      proc2(Proc2.pauseLoopExiting),
      vmwrite('PLE_GAP', 10),
      vmwrite('PLE_WINDOW', 8),
    ),
    long('pins off', [NOP], off(LONG, 'PIN_CONTROLS', Pin.externalInterruptExiting)),
    long('APIC access page without virtualization', [0x48, 0x8b, 0x03, 0x31, 0xc0], set(Register.rbx, APIC_ACCESS)),
    {
      name: 'MSR areas at exit',
      lists: [LONG],
      ops: [
        ...msrEntry(EXIT_MSR_STORE, 0, 0xc000_0082, 0),
        ...msrEntry(EXIT_MSR_STORE, 1, 0x174, 0),
        ...msrEntry(EXIT_MSR_LOAD, 0, 0xc000_0082, 0x5678),
        vmwrite('EXIT_MSR_STORE_COUNT', 2),
        vmwrite('EXIT_MSR_STORE_ADDRESS', EXIT_MSR_STORE),
        vmwrite('EXIT_MSR_LOAD_COUNT', 1),
        vmwrite('EXIT_MSR_LOAD_ADDRESS', EXIT_MSR_LOAD),
        vmwrite('GUEST_SYSENTER_CS', 0x99),
        op(OP.wrmsr, 0xc000_0082, 0x1234),
        launch(),
        op(OP.peek, EXIT_MSR_STORE + 8),
        op(OP.peek, EXIT_MSR_STORE + 24),
        op(OP.rdmsr, 0xc000_0082),
        op(OP.rdmsr, 0x174),
      ],
    },
  ];
}
