import { encode } from '../../impl/x86/encoder.ts';
import { Size } from '../../impl/x86/instruction.ts';
import { INSTRUCTIONS } from '../../impl/x86/table.ts';
import type { Rng } from '../../units/rng.ts';
import type { CodeVocabulary } from './code-vocabulary.ts';
import { type CodeWriter, Reg } from './code-writer.ts';

/** A kind of block that generated programs are made of. */
export interface BlockKind {
  readonly id: string;
  readonly meaning: string;
  /** Relative frequency. */
  readonly weight: number;
  /** It may cause an exit that the trap table decides on, or an exception. */
  readonly traps: boolean;
  /** Writes the block; false if the subject has nothing that it could be about. */
  emit(code: CodeWriter, vocabulary: CodeVocabulary, rng: Rng): boolean;
}

const pick = <T>(rng: Rng, items: readonly T[]): T | undefined => items[rng.below(Math.max(1, items.length))];
const SIZES = [1, 2, 4, 8] as const;
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;
const value32 = (rng: Rng): number => (rng.below(2) === 0 ? pick(rng, EDGES)! : rng.next());

/** Rows of the instruction table that user code runs without touching memory, control flow or the stack. */
const PLAIN = INSTRUCTIONS.filter(
  row =>
    row.class === 'user' &&
    row.exceptions.length === 0 &&
    !row.isString &&
    row.form !== 'mem' &&
    row.operands.length > 0 &&
    row.operands.every(({ kind }) => ['E', 'R', 'G', 'Z', 'I', 'a', 'c', '1', 'B'].includes(kind)) &&
    !/^(PUSH|POP|ENTER|LEAVE|J|CALL|RET|LOOP|XLAT|INT|BOUND|ARPL)/.test(String(row.mnemonic)),
);
const ANY = INSTRUCTIONS.filter(row => row.class !== 'unsupported');

function encodeRow(code: CodeWriter, rng: Rng, rows: typeof INSTRUCTIONS, usesMemory: boolean): boolean {
  const row = pick(rng, rows)!;
  const operandSize = pick(rng, [Size.dword, Size.qword, Size.word])!;
  // ESP stays, so that the stack does.
  const register = (): number => [0, 1, 2, 3, 5, 6, 7, 8, 15][rng.below(code.is64Bit ? 9 : 7)]!;
  const isMemory = usesMemory && row.hasModrm && rng.below(2) === 0;
  const bytes = encode({
    row,
    mode: code.mode,
    operandSize: code.is64Bit || operandSize !== Size.qword ? operandSize : Size.dword,
    addressSize: code.is64Bit ? Size.qword : Size.dword,
    reg: register(),
    rm: register(),
    ...(isMemory ? { memory: { base: Reg.bx, index: -1, scale: 0, displacement: rng.below(64) } } : {}),
    immediate: BigInt(value32(rng)),
  });
  if (bytes === undefined) return false;
  code.emit(...bytes);
  return true;
}

/** An address of the subject that means something: inside of a window, at its border, or where others have something. */
function place(vocabulary: CodeVocabulary, rng: Rng, isWrite: boolean, mayProbe: boolean): number | undefined {
  const { windows, writableWindows, probes } = vocabulary.words;
  if (mayProbe && rng.below(3) === 0) {
    const probe = pick(rng, probes);
    return probe === undefined ? undefined : Math.max(0, probe + rng.below(17) - 8);
  }
  const usable = (isWrite && !mayProbe ? writableWindows : windows).filter(({ purpose }) => purpose !== 'interface');
  const window = pick(rng, usable);
  if (window === undefined) return undefined;
  const offset = rng.below(4) === 0 ? window.sizeBytes - 8 : rng.below(Math.min(window.sizeBytes, 0x200) - 7);
  return window.address + offset;
}

const access =
  (isWrite: boolean, mayProbe: boolean): BlockKind['emit'] =>
  (code, vocabulary, rng) => {
    const address = place(vocabulary, rng, isWrite, mayProbe);
    if (address === undefined) return false;
    if (isWrite) code.setHalves(Reg.ax, value32(rng), value32(rng));
    code.set(Reg.bx, address).access(Reg.bx, pick(rng, SIZES)!, isWrite);
    return true;
  };

const privileged: readonly (readonly number[])[] = [
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
const vmx: readonly (readonly number[])[] = [
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
const exceptions: readonly (readonly number[])[] = [
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

/** Kinds of blocks. */
export const BLOCK_KINDS: readonly BlockKind[] = [
  {
    id: 'plain',
    meaning: 'a computation on registers, any row of the instruction table',
    weight: 8,
    traps: false,
    emit: (code, _vocabulary, rng) => encodeRow(code, rng, PLAIN, false),
  },
  {
    id: 'instruction',
    meaning: 'any row of the instruction table, system instructions included, with random operands',
    weight: 8,
    traps: true,
    emit: (code, _vocabulary, rng) => encodeRow(code, rng, ANY, true),
  },
  { id: 'read', meaning: 'a read of its memory', weight: 6, traps: false, emit: access(false, false) },
  { id: 'write', meaning: 'a write of its memory', weight: 8, traps: false, emit: access(true, false) },
  {
    id: 'probe-read',
    meaning: 'a read near the border of a region',
    weight: 5,
    traps: true,
    emit: access(false, true),
  },
  {
    id: 'probe-write',
    meaning: 'a write near the border of a region',
    weight: 6,
    traps: true,
    emit: access(true, true),
  },
  {
    id: 'fill',
    meaning: 'a string store of some bytes in its memory',
    weight: 3,
    traps: false,
    emit(code, vocabulary, rng) {
      const window = pick(
        rng,
        vocabulary.words.writableWindows.filter(({ purpose }) => purpose === 'memory'),
      );
      if (window === undefined) return false;
      code.set(Reg.di, window.address).set(Reg.cx, 1 + rng.below(Math.min(64, window.sizeBytes)));
      code.set(Reg.ax, value32(rng)).emit(0xfc, 0xf3, 0xaa);
      return true;
    },
  },
  {
    id: 'stack',
    meaning: 'PUSH and POP, flags included',
    weight: 3,
    traps: false,
    emit(code, _vocabulary, rng) {
      code.emit(0x50 + pick(rng, [0, 1, 2, 3])!, rng.below(2) === 0 ? 0x5e : 0x58);
      return true;
    },
  },
  {
    id: 'flags',
    meaning: 'POPF of a random value',
    weight: 2,
    traps: true,
    emit(code, _vocabulary, rng) {
      code.set(Reg.ax, (1 << rng.below(22)) | 2).emit(0x50, 0x9d);
      return true;
    },
  },
  {
    id: 'vmcall',
    meaning: 'a declared event',
    weight: 8,
    traps: false,
    emit(code, vocabulary, rng) {
      const call = pick(rng, vocabulary.vmcalls);
      if (call === undefined) return false;
      code.set(Reg.ax, call.number).emit(0x0f, 0x01, 0xc1);
      return true;
    },
  },
  {
    id: 'undeclared',
    meaning: 'a call of an event that does not exist, beyond 63 and beyond 32 bits too',
    weight: 4,
    traps: false,
    emit(code, { words }, rng) {
      const choice = rng.below(3);
      const declared = words.vmcalls[0]?.number ?? 0;
      if (choice === 0) code.set(Reg.ax, pick(rng, words.undeclared) ?? 64);
      else if (choice === 1) code.set(Reg.ax, 64 + rng.below(4096));
      else code.setHalves(Reg.ax, code.is64Bit ? declared : 0xffff_ffc0 | declared, 1 + rng.below(0xffff));
      code.emit(0x0f, 0x01, 0xc1);
      return true;
    },
  },
  {
    id: 'interrupts',
    meaning: 'STI, CLI, and waiting for an interrupt',
    weight: 3,
    traps: false,
    emit(code, { words }, rng) {
      const waits = !words.haltExits && rng.below(3) === 0;
      code.emit(...(waits ? [0xfb, 0xf4] : rng.below(3) === 0 ? [0xfa] : [0xfb]));
      return true;
    },
  },
  {
    id: 'privileged',
    meaning: 'a privileged or intercepted instruction',
    weight: 10,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false);
      if (address !== undefined) code.set(Reg.bx, address);
      code.emit(...pick(rng, privileged)!);
      return true;
    },
  },
  {
    id: 'vmx',
    meaning: 'an instruction of VMX',
    weight: 3,
    traps: true,
    emit(code, vocabulary, rng) {
      const address = place(vocabulary, rng, true, false);
      if (address !== undefined) code.set(Reg.bx, address);
      code.emit(...pick(rng, vmx)!);
      return true;
    },
  },
  {
    id: 'exception',
    meaning: 'an exception or software interrupt',
    weight: 3,
    traps: true,
    emit(code, _vocabulary, rng) {
      code.emit(...pick(rng, exceptions)!);
      return true;
    },
  },
  {
    id: 'xsetbv',
    meaning: 'XSETBV, accepted or not',
    weight: 3,
    traps: false,
    emit(code, _vocabulary, rng) {
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
      const msr = pick(
        rng,
        words.processor.openMsrs.filter(({ canRead }) => canRead),
      );
      // Writes may fault; reads of what the processor has do not.
      return msr === undefined ? false : msrAccess(code, rng, msr.index, false);
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
  {
    id: 'timed-event',
    meaning: 'its timed event: the page that names trigger and event',
    weight: 4,
    traps: false,
    emit(code, { vmcalls }, rng) {
      const event = pick(rng, vmcalls);
      if (!code.is64Bit || event === undefined) return false;
      const trigger = rng.below(4) === 0 ? 0 : 0x10_0000 + rng.below(0x100_0000);
      code.set(Reg.bx, 0xe_0001_0000).set(Reg.ax, event.number);
      code.emit(0x48, 0x89, 0x43, 0x08).set(Reg.ax, trigger).emit(0x48, 0x89, 0x03);
      return true;
    },
  },
  {
    id: 'wait',
    meaning: 'a loop that takes time',
    weight: 4,
    traps: false,
    emit(code, _vocabulary, rng) {
      code.set(Reg.cx, 1 + rng.below(rng.below(4) === 0 ? 4096 : 64)).emit(0xe2, 0xfe);
      return true;
    },
  },
  {
    id: 'self-modify',
    meaning: 'code that is written, run, changed and run again',
    weight: 4,
    traps: false,
    emit(code, { scratch }, rng) {
      const room = pick(rng, scratch);
      if (room === undefined) return false;
      const address = room.address + rng.below(Math.min(room.sizeBytes - 16, 0x400));
      // INC or DEC of EAX's low byte, then RET: FE C0 C3 or FE C8 C3.
      const write = (second: number): void => {
        code
          .set(Reg.bx, address)
          .set(Reg.ax, (0xc3_00fe | (second << 8)) >>> 0)
          .access(Reg.bx, 4, true);
        code.emit(0xff, 0xd3);
      };
      write(0xc0);
      write(0xc8);
      return true;
    },
  },
  {
    id: 'bytes',
    meaning: 'random bytes',
    weight: 2,
    traps: true,
    emit(code, _vocabulary, rng) {
      const count = 1 + rng.below(12);
      for (let index = 0; index < count; index++) code.emit(rng.below(256));
      return true;
    },
  },
];
