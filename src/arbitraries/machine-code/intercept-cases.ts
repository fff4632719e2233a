import { subjectGrants } from '../../model/grants.ts';
import type { BitFields, PolicyDocument, Subject } from '../../policy/document.ts';
import { CodeWriter, Reg } from './code-writer.ts';

/** What one instruction must come to, by what the policy declares. */
export interface InterceptCase {
  readonly id: string;
  readonly bytes: readonly number[];
  /** Basic exit reason; NO_EXIT if it must not leave guest mode. */
  readonly reason: number;
  /** Vector of the exception, for exit reason 0. */
  readonly vector?: number;
  /** Exit qualification, where the case is about it. */
  readonly qualification?: number;
  /** RIP at the exit, where the case is about it. */
  readonly rip?: number;
  /** Length of the instruction, where the exit defines it. */
  readonly length?: number;
}

export const NO_EXIT = -1;
const EXCEPTION = 0;
const TRIPLE_FAULT = 2;

const EXCEPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'DivideError',
  3: 'Breakpoint',
  6: 'InvalidOpcode',
  8: 'DoubleFault',
  13: 'GeneralProtection',
  14: 'PageFault',
};

const isSet = (bits: BitFields, name: string): boolean => bits[name] === 1;

/**
 * An exception exits if the bitmap says so (bits that the policy does not name count as 1); else it goes through the guest's IDT, which is
 * empty at first: #GP, then #DF, then a triple fault.
 */
function raises({ vcpu }: Subject, vector: number): Pick<InterceptCase, 'reason' | 'vector'> {
  const exiting = [vector, 13, 8].find(candidate => vcpu.masks.exception[EXCEPTION_NAMES[candidate]!] !== 0);
  return exiting === undefined ? { reason: TRIPLE_FAULT } : { reason: EXCEPTION, vector: exiting };
}

const exits = (reason: number): Pick<InterceptCase, 'reason'> => ({ reason });
const CONTINUES = exits(NO_EXIT);

type Expected = Omit<InterceptCase, 'id' | 'bytes' | 'length'>;
type Add = (
  id: string,
  expected: Expected,
  prepare: (code: CodeWriter) => CodeWriter,
  ...bytes: readonly number[]
) => void;
const plain = (code: CodeWriter): CodeWriter => code;

function simpleCases(subject: Subject, add: Add): void {
  const { proc, proc2 } = subject.vcpu.controls;
  const by = (control: boolean, reason: number, otherwise: Expected): Expected => (control ? exits(reason) : otherwise);
  const undefinedOpcode = raises(subject, 6);
  add('CPUID', exits(10), plain, 0x0f, 0xa2);
  add('INVD', exits(13), plain, 0x0f, 0x08);
  add('WBINVD', by(isSet(proc2, 'WBINVDExiting'), 54, CONTINUES), plain, 0x0f, 0x09);
  add('RDTSC', by(isSet(proc, 'RDTSCExiting'), 16, CONTINUES), plain, 0x0f, 0x31);
  if (isSet(proc, 'RDPMCExiting')) add('RDPMC', exits(15), plain, 0x0f, 0x33);
  if (!isSet(proc2, 'EnableRDTSCP')) add('RDTSCP', undefinedOpcode, plain, 0x0f, 0x01, 0xf9);
  add('HLT', by(isSet(proc, 'HLTExiting'), 12, CONTINUES), plain, 0xf4);
  if (!isSet(proc2, 'PAUSELoopExiting'))
    add('PAUSE', by(isSet(proc, 'PAUSEExiting'), 40, CONTINUES), plain, 0xf3, 0x90);
  add('INVLPG', by(isSet(proc, 'INVLPGExiting'), 14, CONTINUES), plain, 0x0f, 0x01, 0x3b);
  if (isSet(proc, 'MONITORExiting')) add('MONITOR', exits(39), plain, 0x0f, 0x01, 0xc8);
  if (isSet(proc, 'MWAITExiting')) add('MWAIT', exits(36), plain, 0x0f, 0x01, 0xc9);
  add('GETSEC without CR4.SMXE', undefinedOpcode, plain, 0x0f, 0x37);
  // RSM exits in SMM only.
  add('RSM', undefinedOpcode, plain, 0x0f, 0xaa);
  add('XSETBV', subject.vcpu.cr4.XSAVEEnable === 1 ? exits(55) : undefinedOpcode, plain, 0x0f, 0x01, 0xd1);
  add('UD2', undefinedOpcode, plain, 0x0f, 0x0b);
  add('INT3', raises(subject, 3), plain, 0xcc);
  add('division by zero', raises(subject, 0), code => code.emit(0x31, 0xc9), 0xf7, 0xf1);
  add('VMCALL', exits(18), code => code.set(Reg.ax, 63), 0x0f, 0x01, 0xc1);
}

function vmxCases(add: Add): void {
  const rows: readonly (readonly [string, number, ...number[]])[] = [
    ['VMCLEAR', 19, 0x66, 0x0f, 0xc7, 0x33],
    ['VMLAUNCH', 20, 0x0f, 0x01, 0xc2],
    ['VMPTRLD', 21, 0x0f, 0xc7, 0x33],
    ['VMPTRST', 22, 0x0f, 0xc7, 0x3b],
    ['VMREAD', 23, 0x0f, 0x78, 0xc8],
    ['VMRESUME', 24, 0x0f, 0x01, 0xc3],
    ['VMWRITE', 25, 0x0f, 0x79, 0xc8],
    ['VMXOFF', 26, 0x0f, 0x01, 0xc4],
    ['VMXON', 27, 0xf3, 0x0f, 0xc7, 0x33],
    ['INVEPT', 50, 0x66, 0x0f, 0x38, 0x80, 0x03],
    ['INVVPID', 53, 0x66, 0x0f, 0x38, 0x81, 0x03],
  ];
  for (const [id, reason, ...bytes] of rows) add(id, exits(reason), plain, ...bytes);
}

const REX_R = 0x44;

function registerCases(subject: Subject, is64Bit: boolean, add: Add): void {
  const { proc } = subject.vcpu.controls;
  const { cr0, cr4 } = subject.vcpu.masks;
  const move = (id: string, cr: number, isRead: boolean, expected: Expected, prepare = plain): void => {
    const qualification = (cr & 15) | (isRead ? 0x10 : 0);
    const prefix = cr === 8 ? [REX_R] : [];
    const bytes = [...prefix, 0x0f, isRead ? 0x20 : 0x22, 0xc0 | ((cr & 7) << 3)];
    add(id, expected.reason === 28 ? { ...expected, qualification } : expected, prepare, ...bytes);
  };
  const flip = (cr: number, bit: number) => (code: CodeWriter) =>
    code.emit(0x0f, 0x20, 0xc0 | (cr << 3), 0x0f, 0xba, 0xf8, bit);
  move('MOV from CR3', 3, true, isSet(proc, 'CR3StoreExiting') ? exits(28) : CONTINUES);
  if (isSet(proc, 'CR3LoadExiting')) move('MOV to CR3', 3, false, exits(28), code => code.set(Reg.ax, 0x1234_5000));
  move('MOV from CR0', 0, true, CONTINUES);
  move('MOV from CR4', 4, true, CONTINUES);
  // A changed bit that the mask owns exits; the masks of the policy default to all ones.
  if (cr0.NotWritethrough !== 0) move('MOV to CR0, NW changed', 0, false, exits(28), flip(0, 29));
  if (cr0.CacheDisable !== 0) move('MOV to CR0, CD changed', 0, false, exits(28), flip(0, 30));
  if (cr4.MachineCheckEnable !== 0) move('MOV to CR4, MCE changed', 4, false, exits(28), flip(4, 6));
  if (is64Bit) {
    if (isSet(proc, 'CR8StoreExiting')) move('MOV from CR8', 8, true, exits(28));
    if (isSet(proc, 'CR8LoadExiting')) move('MOV to CR8', 8, false, exits(28), code => code.set(Reg.ax, 0));
  }
  if (isSet(proc, 'MOVDRExiting')) {
    add('MOV from DR0', { reason: 29, qualification: 0x10 }, plain, 0x0f, 0x21, 0xc0);
    add('MOV to DR7', { reason: 29, qualification: 7 }, plain, 0x0f, 0x23, 0xf8);
  }
}

/** Ports of its devices are open, all others are not; borders on both sides. */
function portCases(document: PolicyDocument, subject: Subject, add: Add): void {
  const open = new Set<number>();
  for (const device of subject.devices) {
    const physical = document.hardware.devices.find(row => row.name === device.physical);
    for (const { physical: name } of device.ioPorts) {
      const range = physical?.ioPorts.find(row => row.name === name);
      for (let port = range?.start ?? 1; port <= (range?.end ?? 0); port++) open.add(port);
    }
  }
  const borders = [...open].filter(port => !open.has(port + 1) || !open.has(port - 1));
  const ports = new Set([0x60, 0x80, 0x3f8, 0x7fff, 0x8000, 0xcfc, 0xffff, ...borders.flatMap(p => [p - 1, p, p + 1])]);
  for (const port of [...ports].filter(value => value >= 0 && value <= 0xffff).slice(0, 48)) {
    for (const sizeBytes of [1, 2, 4]) {
      const wraps = port + sizeBytes > 0x1_0000;
      const isTrapped = wraps || Array.from({ length: sizeBytes }, (_, at) => port + at).some(at => !open.has(at));
      const expected: Expected = isTrapped
        ? { reason: 30, qualification: (sizeBytes - 1 + 8 + port * 0x1_0000) % 2 ** 32 }
        : CONTINUES;
      const prefix = sizeBytes === 2 ? [0x66] : [];
      add(
        `IN of ${sizeBytes} from 0x${port.toString(16)}`,
        expected,
        code => code.set(Reg.dx, port),
        ...prefix,
        sizeBytes === 1 ? 0xec : 0xed,
      );
    }
  }
}

const MSR_SAMPLES = [
  0x10, 0x174, 0x175, 0x176, 0x1b, 0x277, 0x802, 0x80b, 0x83f, 0x1fff, 0x2000, 0xc000_0080, 0xc000_0081, 0xc000_0082,
  0xc000_0084, 0xc000_0085, 0xc000_00ff, 0xc000_0100, 0xc000_0101, 0xc000_0102, 0xc000_0103, 0xc000_1fff,
] as const;
/** MSRs that take a zero. */
const TAKES_ZERO = [0x174, 0x175, 0x176, 0xc000_0081, 0xc000_0082, 0xc000_0083, 0xc000_0084, 0xc000_0102] as const;

function msrCases({ vcpu }: Subject, add: Add): void {
  const isOpen = (index: number, way: 'r' | 'w'): boolean =>
    vcpu.msrs.some(({ start, end, mode }) => index >= start && index <= end && mode.includes(way));
  for (const index of new Set([...MSR_SAMPLES, ...vcpu.msrs.map(({ start }) => start)])) {
    const name = `0x${index.toString(16)}`;
    // Reads of FS and GS base, EFER and the like do not fault where they are open.
    add(`RDMSR ${name}`, isOpen(index, 'r') ? CONTINUES : exits(31), code => code.set(Reg.cx, index), 0x0f, 0x32);
    if (isOpen(index, 'w') && !TAKES_ZERO.some(row => row === index)) continue;
    const prepare = (code: CodeWriter): CodeWriter => code.set(Reg.cx, index).set(Reg.ax, 0).set(Reg.dx, 0);
    add(`WRMSR ${name}`, isOpen(index, 'w') ? CONTINUES : exits(32), prepare, 0x0f, 0x30);
  }
}

/** Reads, writes and fetches inside of each mapping and at its borders. */
function memoryCases(document: PolicyDocument, subject: Subject, is64Bit: boolean, add: Add): void {
  const grants = subjectGrants(document, subject);
  const at = (address: number) => grants.find(row => address >= row.va && address < row.va + row.sizeBytes);
  const refused: Expected = subject.vcpu.controls.proc2.EnableEPT === 1 ? exits(48) : raises(subject, 14);
  const limit = is64Bit ? 2 ** 47 : 2 ** 32;
  const places = new Set(
    grants.flatMap(row => [row.va - 4, row.va, row.va + row.sizeBytes - 4, row.va + row.sizeBytes]),
  );
  for (const address of [...places].filter(value => value >= 0 && value < limit - 8).slice(0, 64)) {
    const grant = at(address);
    const name = `0x${address.toString(16)}`;
    const set = (code: CodeWriter): CodeWriter => code.set(Reg.bx, address);
    add(`read ${name}`, grant === undefined ? refused : CONTINUES, set, 0x8b, 0x03);
    // What lies in writable memory of the kernel's making stays as it is.
    const isPrivate = grant?.writable !== true || grant.name.startsWith(`${subject.name}|`);
    if (isPrivate) add(`write ${name}`, grant?.writable === true ? CONTINUES : refused, set, 0x89, 0x03);
    if (grant?.executable !== true) add(`fetch ${name}`, { ...refused, rip: address }, set, 0xff, 0xe3);
  }
}

/** Every case for a subject. */
export function interceptCases(document: PolicyDocument, subject: Subject): readonly InterceptCase[] {
  const is64Bit = subject.vcpu.controls.entry.IA32eModeGuest === 1;
  const cases: InterceptCase[] = [];
  const writable = subjectGrants(document, subject).find(
    row => row.writable && row.name.startsWith(`${subject.name}|`),
  );
  const add: Add = (id, expected, prepare, ...bytes) => {
    const code = new CodeWriter(is64Bit);
    // The memory operand of instructions that have one.
    if (writable !== undefined) code.set(Reg.bx, writable.va + 0x80);
    prepare(code).emit(...bytes);
    const isInstructionExit = expected.reason > 2 && expected.reason < 48;
    cases.push({ id, bytes: code.bytes, ...expected, ...(isInstructionExit ? { length: bytes.length } : {}) });
  };
  simpleCases(subject, add);
  vmxCases(add);
  registerCases(subject, is64Bit, add);
  portCases(document, subject, add);
  msrCases(subject, add);
  memoryCases(document, subject, is64Bit, add);
  return cases;
}
