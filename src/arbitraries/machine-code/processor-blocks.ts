import type { Rng } from '../../units/rng.ts';
import { type BlockKind, pick, place, value32 } from './block-kind.ts';
import { type CodeWriter, Reg } from './code-writer.ts';

/** Privileged and intercepted instructions; memory operands are at [BX]. */
export const PRIVILEGED: readonly (readonly number[])[] = [
  [0x0f, 0xa2], // CPUID
  [0x0f, 0x31], // RDTSC
  [0x0f, 0x01, 0xf9], // RDTSCP
  [0x0f, 0x33], // RDPMC
  [0xf4], // HLT
  [0xf3, 0x90], // PAUSE
  [0x0f, 0x09], // WBINVD
  [0x0f, 0x08], // INVD
  [0x0f, 0x01, 0x3b], // INVLPG [BX]
  [0x0f, 0x01, 0xc8], // MONITOR
  [0x0f, 0x01, 0xc9], // MWAIT
  [0x0f, 0x37], // GETSEC
  [0x0f, 0xaa], // RSM
  [0x0f, 0x01, 0xd0], // XGETBV
  [0x0f, 0x06], // CLTS
  [0x0f, 0x01, 0xf0], // LMSW AX
  [0x0f, 0x01, 0xe0], // SMSW AX
  [0x0f, 0x00, 0xc0], // SLDT AX
  [0x0f, 0x00, 0xd8], // LTR AX
  [0x0f, 0x00, 0xd0], // LLDT AX
  [0x0f, 0x01, 0x03], // SGDT [BX]
  [0x0f, 0x01, 0x0b], // SIDT [BX]
  [0x0f, 0x01, 0x13], // LGDT [BX]
  [0x0f, 0x01, 0x1b], // LIDT [BX]
  [0x0f, 0xc7, 0xf0], // RDRAND EAX
  [0x66, 0x0f, 0x38, 0x82, 0x03], // INVPCID EAX, [BX]
  [0xfa], // CLI
  [0xfb], // STI
  [0x0f, 0x05], // SYSCALL
  [0x0f, 0x34], // SYSENTER
  [0xcf], // IRET
];
export const VMX: readonly (readonly number[])[] = [
  [0x66, 0x0f, 0xc7, 0x33], // VMCLEAR [BX]
  [0x0f, 0xc7, 0x33], // VMPTRLD [BX]
  [0x0f, 0xc7, 0x3b], // VMPTRST [BX]
  [0xf3, 0x0f, 0xc7, 0x33], // VMXON [BX]
  [0x0f, 0x01, 0xc2], // VMLAUNCH
  [0x0f, 0x01, 0xc3], // VMRESUME
  [0x0f, 0x01, 0xc4], // VMXOFF
  [0x0f, 0x78, 0xc8], // VMREAD EAX, ECX
  [0x0f, 0x79, 0xc8], // VMWRITE ECX, EAX
  [0x66, 0x0f, 0x38, 0x80, 0x03], // INVEPT EAX, [BX]
  [0x66, 0x0f, 0x38, 0x81, 0x03], // INVVPID EAX, [BX]
  [0x0f, 0x01, 0xd4], // VMFUNC
];
export const EXCEPTIONS: readonly (readonly number[])[] = [
  [0x0f, 0x0b], // UD2
  [0xcc], // INT3
  [0xf1], // INT1
  [0xcd, 0x20], // INT 0x20
  [0xcd, 0x80], // INT 0x80
  [0x31, 0xc9, 0xf7, 0xf1], // XOR ECX, ECX; DIV ECX
];

const MSRS = [
  0x10, 0x1b, 0x3a, 0x8b, 0xce, 0x174, 0x175, 0x176, 0x1a0, 0x1d9, 0x277, 0x480, 0x48f, 0x802, 0x80b, 0x830, 0x83f,
  0x1fff, 0x2000, 0xc000_0080, 0xc000_0081, 0xc000_0082, 0xc000_0084, 0xc000_0100, 0xc000_0101, 0xc000_0102,
  0xc000_0103, 0xc000_1fff, 0xffff_ffff,
] as const;
const EFER = 0xc000_0080;
const PORTS = [
  0x20, 0x21, 0x40, 0x60, 0x64, 0x70, 0x71, 0x80, 0x3f8, 0x3fd, 0xb2, 0xcf8, 0xcfc, 0xfffd, 0xffff,
] as const;

function msrAccess(code: CodeWriter, rng: Rng, index: number, isWrite: boolean): true {
  code.set(Reg.cx, index);
  if (isWrite) code.set(Reg.ax, value32(rng)).set(Reg.dx, rng.below(2) === 0 ? 0 : value32(rng));
  code.emit(0x0f, isWrite ? 0x30 : 0x32);
  return true;
}

function portAccess(code: CodeWriter, rng: Rng, port: number): true {
  code.set(Reg.dx, port);
  const width = rng.below(3);
  if (width === 1) code.emit(0x66);
  code.emit((rng.below(2) === 0 ? 0xec : 0xee) | (width === 0 ? 0 : 1));
  return true;
}

function controlRegister(code: CodeWriter, rng: Rng): true {
  const register = pick(rng, code.is64Bit ? [0, 2, 3, 4, 8] : [0, 2, 3, 4])!;
  const isRead = rng.below(3) !== 0;
  const choice = rng.below(3);
  if (!isRead) {
    if (choice === 0) code.set(Reg.ax, value32(rng));
    else {
      // What it reads, with one bit changed.
      code.emit(0x0f, 0x20, 0xc0 | ((register & 7) << 3));
      if (choice === 2) code.emit(0x0f, 0xba, 0xf8, rng.below(32));
    }
  }
  if (register === 8) code.emit(0x44);
  code.emit(0x0f, isRead ? 0x20 : 0x22, 0xc0 | ((register & 7) << 3));
  return true;
}

/** Instructions that a kernel executes: privileged ones, VMX, MSRs, ports, control and debug registers, exceptions. */
export const PROCESSOR_BLOCKS: readonly BlockKind[] = [
  {
    id: 'privileged',
    meaning: 'a privileged or intercepted instruction',
    weight: 10,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false);
      if (address !== undefined) code.set(Reg.bx, address);
      code.emit(...pick(rng, PRIVILEGED)!);
      return true;
    },
  },
  {
    id: 'vmx',
    meaning: 'an instruction of VMX',
    weight: 6,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false);
      if (address !== undefined) code.set(Reg.bx, address);
      code.emit(...pick(rng, VMX)!);
      return true;
    },
  },
  {
    id: 'exception',
    meaning: 'an exception or software interrupt',
    weight: 3,
    traps: true,
    emit(code, _vocabulary, rng) {
      code.emit(...pick(rng, EXCEPTIONS)!);
      return true;
    },
  },
  {
    id: 'xsetbv',
    meaning: 'XSETBV, accepted or not',
    weight: 3,
    traps: false,
    emit(code, vocabulary, rng) {
      // Half of the time with CR4.OSXSAVE set first, without which there is no XSETBV.
      if (vocabulary.mayTrap && rng.below(2) === 0) code.emit(0x0f, 0x20, 0xe0, 0x0f, 0xba, 0xe8, 18, 0x0f, 0x22, 0xe0);
      code.set(Reg.cx, rng.below(6) === 0 ? 1 : 0);
      code.set(Reg.ax, pick(rng, [1, 3, 7, 5, 0xe7, 0x27, 0, 2, 6])!);
      code.set(Reg.dx, rng.below(6) === 0 ? 1 : 0).emit(0x0f, 0x01, 0xd1);
      return true;
    },
  },
  {
    id: 'open-msr',
    meaning: 'an MSR that the policy leaves open',
    weight: 4,
    traps: false,
    emit(code, { words }, rng) {
      const { openMsrs } = words.processor;
      const isWrite = rng.below(2) === 0;
      const usable = openMsrs.filter(({ index, canRead, canWrite }) =>
        isWrite ? canWrite && index !== EFER : canRead,
      );
      const msr = pick(rng, usable);
      if (msr === undefined) return false;
      if (!isWrite) return msrAccess(code, rng, msr.index, false);
      // A small value is canonical: the MSR takes it.
      code
        .set(Reg.cx, msr.index)
        .set(Reg.ax, value32(rng) & 0x7fff_ffff)
        .set(Reg.dx, 0)
        .emit(0x0f, 0x30);
      return true;
    },
  },
  {
    id: 'msr',
    meaning: 'any MSR',
    weight: 6,
    traps: true,
    emit(code, { words }, rng) {
      const open = words.processor.openMsrs.map(({ index }) => index);
      const index = rng.below(2) === 0 ? (pick(rng, open) ?? 0x174) : pick(rng, MSRS)!;
      return msrAccess(code, rng, index, rng.below(2) === 0);
    },
  },
  {
    id: 'open-port',
    meaning: 'a port of its devices',
    weight: 4,
    traps: false,
    emit(code, { words }, rng) {
      const range = pick(rng, words.processor.openPorts);
      if (range === undefined) return false;
      code.set(Reg.ax, value32(rng)).set(Reg.dx, range.start + rng.below(range.end - range.start + 1));
      code.emit(rng.below(2) === 0 ? 0xec : 0xee);
      return true;
    },
  },
  {
    id: 'port',
    meaning: 'any port, also in words that reach into the next one',
    weight: 5,
    traps: true,
    emit(code, { words }, rng) {
      const range = pick(rng, words.processor.openPorts);
      const nearby = range === undefined ? 0x3f8 : range.start + rng.below(range.end - range.start + 4) - 1;
      return portAccess(code, rng, rng.below(2) === 0 ? nearby : pick(rng, PORTS)!);
    },
  },
  {
    id: 'string-port',
    meaning: 'a string instruction on a port',
    weight: 2,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false) ?? 0;
      code
        .set(Reg.di, address)
        .set(Reg.si, address)
        .set(Reg.cx, 1 + rng.below(4))
        .set(Reg.dx, pick(rng, PORTS)!);
      code.emit(0xfc, 0xf3, pick(rng, [0x6c, 0x6d, 0x6e, 0x6f])!);
      return true;
    },
  },
  {
    id: 'control-register',
    meaning: 'MOV to or from a control register',
    weight: 6,
    traps: true,
    emit: (code, _vocabulary, rng) => controlRegister(code, rng),
  },
  {
    id: 'debug-register',
    meaning: 'MOV to or from a debug register',
    weight: 2,
    traps: true,
    emit(code, _vocabulary, rng) {
      code.emit(0x0f, rng.below(2) === 0 ? 0x21 : 0x23, 0xc0 | (rng.below(8) << 3));
      return true;
    },
  },
];
