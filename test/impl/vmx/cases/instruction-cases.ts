import { Entry, Pin, Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { code, encodingOf, launch, OP, type Op, type OpList, op, poke, type VmxCase, vmwrite } from './case-program.ts';
import {
  APIC_ACCESS,
  COMPATIBILITY,
  EPT_PAGE_TABLE,
  EPT_ROOT,
  EXIT_MSR_LOAD,
  EXIT_MSR_STORE,
  GUEST_CODE,
  GUEST_DATA,
  GUEST_IDT,
  GUEST_PAGE_TABLE,
  IO_BITMAP_A,
  IO_BITMAP_B,
  LONG,
  MSR_BITMAP,
  msrEntry,
  PROTECTED,
  profileValue,
  REAL,
  SHADOWED,
  VIRTUAL_APIC,
  VMCS_A,
  VMCS_B,
} from './profiles.ts';

/* Guests that execute a few instructions: what exits, and what the exits report. */

const Register = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsi: 6, rdi: 7 } as const;
const set = (register: number, value: bigint | number): Op => op(OP.register, register, value);
const on = (profile: OpList, field: string, bits: number): Op =>
  vmwrite(field, profileValue(profile, encodingOf(field)) | BigInt(bits >>> 0));
const off = (profile: OpList, field: string, bits: number): Op =>
  vmwrite(field, profileValue(profile, encodingOf(field)) & ~BigInt(bits >>> 0));
const proc = (bits: number): Op => on(LONG, 'PROC_CONTROLS', bits);
const proc2 = (bits: number): Op => on(LONG, 'PROC2_CONTROLS', bits);

function guest(name: string, profile: OpList, bytes: readonly number[], ...ops: readonly Op[]): VmxCase {
  return { name, lists: [profile], ops: [...code(GUEST_CODE, ...bytes), ...ops, launch(12)] };
}
const long = (name: string, bytes: readonly number[], ...ops: readonly Op[]): VmxCase => guest(name, LONG, bytes, ...ops);

const CPUID = [0x0f, 0xa2];
const NOP = 0x90;

function simpleCases(): VmxCase[] {
  const list: readonly (readonly [name: string, bytes: readonly number[], ops?: readonly Op[]])[] = [
    ['CPUID', CPUID],
    ['HLT', [0xf4]],
    ['INVD', [0x0f, 0x08]],
    ['WBINVD', [0x0f, 0x09]],
    ['WBINVD exiting', [0x0f, 0x09], [proc2(Proc2.wbinvdExiting)]],
    ['INVLPG', [0x0f, 0x01, 0x38], [proc(Proc.invlpgExiting), set(Register.rax, 0x1234_5678_9abcn)]],
    ['INVLPG not exiting', [0x0f, 0x01, 0x38]],
    ['RDPMC', [0x0f, 0x33], [proc(Proc.rdpmcExiting)]],
    ['RDTSC', [0x0f, 0x31], [proc(Proc.rdtscExiting)]],
    ['RDTSCP without control', [0x0f, 0x01, 0xf9]],
    ['RDTSCP', [0x0f, 0x01, 0xf9], [proc(Proc.rdtscExiting), proc2(Proc2.rdtscp)]],
    ['INVPCID without control', [0x66, 0x0f, 0x38, 0x82, 0x08]],
    ['INVPCID', [0x66, 0x0f, 0x38, 0x82, 0x08], [proc(Proc.invlpgExiting), proc2(Proc2.invpcid), set(Register.rax, GUEST_DATA)]],
    ['PAUSE', [0xf3, 0x90], [proc(Proc.pauseExiting)]],
    ['PAUSE not exiting', [0xf3, 0x90]],
    ['MONITOR', [0x0f, 0x01, 0xc8], [proc(Proc.monitorExiting), set(Register.rax, GUEST_DATA)]],
    ['MWAIT', [0x0f, 0x01, 0xc9], [proc(Proc.mwaitExiting)]],
    ['XSETBV', [0x0f, 0x01, 0xd1], [vmwrite('GUEST_CR4', 0x4_2020)]],
    ['XSETBV without OSXSAVE', [0x0f, 0x01, 0xd1]],
    ['UD2', [0x0f, 0x0b]],
    ['VMCALL', [0x0f, 0x01, 0xc1]],
    ['VMLAUNCH', [0x0f, 0x01, 0xc2]],
    ['VMRESUME', [0x0f, 0x01, 0xc3]],
    ['VMXOFF', [0x0f, 0x01, 0xc4]],
    ['VMFUNC', [0x0f, 0x01, 0xd4]],
    ['VMPTRLD [rax]', [0x0f, 0xc7, 0x30], [set(Register.rax, GUEST_DATA)]],
    ['VMPTRST [rax]', [0x0f, 0xc7, 0x38], [set(Register.rax, GUEST_DATA)]],
    ['VMCLEAR [rbx + rcx*4 + 0x10]', [0x66, 0x0f, 0xc7, 0x74, 0x8b, 0x10], [set(Register.rbx, GUEST_DATA)]],
    ['VMXON [rip + 0x100]', [0xf3, 0x0f, 0xc7, 0x35, 0x00, 0x01, 0x00, 0x00]],
    ['VMREAD rcx, rdx', [0x0f, 0x78, 0xd1]],
    ['VMREAD [rax - 8], rdx', [0x0f, 0x78, 0x50, 0xf8], [set(Register.rax, GUEST_DATA)]],
    ['VMWRITE rdx, r9', [0x41, 0x0f, 0x79, 0xd1]],
    ['VMWRITE rdx, fs:[rax]', [0x64, 0x0f, 0x79, 0x10], [set(Register.rax, GUEST_DATA)]],
    ['INVEPT rdx, [rax]', [0x66, 0x0f, 0x38, 0x80, 0x10], [set(Register.rax, GUEST_DATA)]],
    ['INVVPID r10, [rax + r11*8]', [0x66, 0x46, 0x0f, 0x38, 0x81, 0x14, 0xd8], [set(Register.rax, GUEST_DATA)]],
    ['SGDT [rax]', [0x0f, 0x01, 0x00], [proc2(Proc2.descriptorTableExiting), set(Register.rax, GUEST_DATA)]],
    ['SIDT [rax + 4]', [0x0f, 0x01, 0x48, 0x04], [proc2(Proc2.descriptorTableExiting), set(Register.rax, GUEST_DATA)]],
    ['LGDT [rax]', [0x0f, 0x01, 0x10], [proc2(Proc2.descriptorTableExiting), set(Register.rax, GUEST_DATA)]],
    ['LIDT gs:[rax]', [0x65, 0x0f, 0x01, 0x18], [proc2(Proc2.descriptorTableExiting), set(Register.rax, GUEST_DATA)]],
    ['SLDT eax', [0x0f, 0x00, 0xc0], [proc2(Proc2.descriptorTableExiting)]],
    ['STR [rax]', [0x0f, 0x00, 0x08], [proc2(Proc2.descriptorTableExiting), set(Register.rax, GUEST_DATA)]],
    ['LLDT cx', [0x0f, 0x00, 0xd1], [proc2(Proc2.descriptorTableExiting)]],
    ['LTR dx', [0x0f, 0x00, 0xda], [proc2(Proc2.descriptorTableExiting), set(Register.rdx, 0x18)]],
    ['SLDT eax not exiting', [0x0f, 0x00, 0xc0]],
    ['MOV DR7, RAX', [0x0f, 0x23, 0xf8], [proc(Proc.movDrExiting), set(Register.rax, 0x400)]],
    ['MOV RCX, DR6', [0x0f, 0x21, 0xf1], [proc(Proc.movDrExiting)]],
    ['MOV RAX, DR7 not exiting', [0x0f, 0x21, 0xf8]],
    ['two instructions', [...CPUID, NOP, ...CPUID]],
  ];
  const cases = list.map(([name, bytes, ops = []]) => long(name, bytes, ...ops));
  const inRing3 = [
    ['CPUID', CPUID],
    ['HLT', [0xf4]],
    ['VMCALL', [0x0f, 0x01, 0xc1]],
    ['INVD', [0x0f, 0x08]],
    ['RDTSC', [0x0f, 0x31]],
    ['CLI', [0xfa]],
    ['IN AL, DX', [0xec]],
    ['VMXOFF', [0x0f, 0x01, 0xc4]],
    ['VMPTRST', [0x0f, 0xc7, 0x38]],
    ['RDMSR', [0x0f, 0x32]],
  ].map(([name, bytes]) => guest(`ring 3: ${name}`, COMPATIBILITY, bytes as number[], proc(Proc.rdtscExiting)));
  const inProtected = [
    ['CPUID', CPUID],
    ['SGDT [eax]', [0x0f, 0x01, 0x00]],
    ['SIDT, 16-bit operand', [0x66, 0x0f, 0x01, 0x08]],
    ['LGDT, 16-bit address', [0x67, 0x0f, 0x01, 0x17]],
    ['VMREAD ecx, edx', [0x0f, 0x78, 0xd1]],
    ['VMCLEAR [esi + edi*2 - 1]', [0x66, 0x0f, 0xc7, 0x74, 0x7e, 0xff]],
    ['INVLPG [0x12345678]', [0x0f, 0x01, 0x3d, 0x78, 0x56, 0x34, 0x12]],
    ['INTO', [0xb0, 0x7f, 0x04, 0x01, 0xce]],
    ['BOUND', [0x62, 0x00]],
  ].map(([name, bytes]) =>
    guest(
      `protected: ${name}`,
      PROTECTED,
      bytes as number[],
      on(PROTECTED, 'PROC2_CONTROLS', Proc2.descriptorTableExiting),
      on(PROTECTED, 'PROC_CONTROLS', Proc.invlpgExiting),
      set(Register.rax, GUEST_DATA),
    ),
  );
  const inReal = [
    ['CPUID', CPUID],
    ['HLT', [0xf4]],
    ['VMCALL', [0x0f, 0x01, 0xc1]],
    ['IN AL, 0x60', [0xe4, 0x60]],
    ['UD2', [0x0f, 0x0b]],
    ['MOV CR0, EAX', [0x0f, 0x22, 0xc0]],
  ].map(([name, bytes]) => guest(`real: ${name}`, REAL, bytes as number[], set(Register.rax, 0x30)));
  return [...cases, ...inRing3, ...inProtected, ...inReal];
}

function registerCases(): VmxCase[] {
  const movToCr0 = [0x0f, 0x22, 0xc0];
  const readCr0 = [0x0f, 0x20, 0xc0, ...CPUID];
  const movToCr3 = [0x0f, 0x22, 0xd9];
  const movToCr4 = [0x0f, 0x22, 0xe0];
  const masks = (mask: number, shadow: number): Op[] => [vmwrite('CR0_MASK', mask), vmwrite('CR0_SHADOW', shadow)];
  const masks4 = (mask: number, shadow: number): Op[] => [vmwrite('CR4_MASK', mask), vmwrite('CR4_SHADOW', shadow)];
  const CLTS = [0x0f, 0x06];
  const LMSW_AX = [0x0f, 0x01, 0xf0];
  const shown = [...CPUID, 0x0f, 0x20, 0xc0, ...CPUID];
  return [
    long('MOV from CR0 without mask', readCr0),
    long('MOV from CR0 with mask and shadow', readCr0, ...masks(0xf000_0011, 0x6000_0010)),
    long('SMSW with mask and shadow', [0x0f, 0x01, 0xe0, ...CPUID], ...masks(0x8, 0x8)),
    long('MOV from CR4 with mask and shadow', [0x0f, 0x20, 0xe0, ...CPUID], ...masks4(0x2000, 0)),
    long('MOV to CR0, nothing masked', [...movToCr0, ...CPUID], set(Register.rax, 0x8001_0033)),
    long('MOV to CR0, masked bit differs', [...movToCr0, ...CPUID], set(Register.rax, 0x8001_0033), ...masks(0x1_0000, 0)),
    long('MOV to CR0, masked bit equals the shadow', [...movToCr0, ...shown], set(Register.rax, 0x8001_0033), ...masks(0x1_0000, 0x1_0000)),
    long('MOV to CR0 that VMX forbids', movToCr0, set(Register.rax, 0x8000_0011)),
    long('MOV to CR0 with a reserved high bit', movToCr0, set(Register.rax, 0x1_8000_0031n)),
    long('MOV to CR4, masked bit differs', movToCr4, set(Register.rax, 0x20), ...masks4(0x2000, 0x2000)),
    long('MOV to CR4, masked bit equals the shadow', [...movToCr4, 0x0f, 0x20, 0xe0, ...CPUID], set(Register.rax, 0xa0), ...masks4(0x2000, 0)),
    long('MOV to CR4 that VMX forbids', movToCr4, set(Register.rax, 0x20)),
    ...[
      [0, 0],
      [8, 0],
      [8, 8],
    ].map(([mask, shadow]) =>
      long(`CLTS, mask ${mask}, shadow ${shadow}`, [...CLTS, ...shown], ...masks(mask!, shadow!), vmwrite('GUEST_CR0', 0x8000_0039)),
    ),
    ...[
      [0, 0, 0x1],
      [0xe, 0, 0x1],
      [0xe, 0, 0x8],
      [0xe, 0x8, 0x9],
      [0x1, 0, 0x1],
      [0x1, 1, 0x0],
      [0xe, 0x2, 0xb],
    ].map(([mask, shadow, value]) =>
      long(`LMSW ${value}, mask ${mask}, shadow ${shadow}`, [...LMSW_AX, ...shown], ...masks(mask!, shadow!), set(Register.rax, value!)),
    ),
    long('LMSW [rax]', [0x0f, 0x01, 0x30], ...masks(0xe, 0), set(Register.rax, GUEST_DATA), poke(GUEST_DATA, 0xb)),
    long('MOV to CR3', movToCr3, set(Register.rcx, 0x34000), proc(Proc.cr3LoadExiting)),
    long('MOV to CR3, a target', [...movToCr3, ...CPUID], set(Register.rcx, 0x34000), proc(Proc.cr3LoadExiting), vmwrite('CR3_TARGET_COUNT', 2), vmwrite('CR3_TARGET1', 0x34000)),
    long('MOV to CR3, a target beyond the count', movToCr3, set(Register.rcx, 0x34000), proc(Proc.cr3LoadExiting), vmwrite('CR3_TARGET_COUNT', 1), vmwrite('CR3_TARGET1', 0x34000)),
    long('MOV to CR3 not exiting', [...movToCr3, ...CPUID], set(Register.rcx, 0x34000)),
    long('MOV from CR3', [0x0f, 0x20, 0xd8], proc(Proc.cr3StoreExiting)),
    long('MOV from CR3 to R12', [0x41, 0x0f, 0x20, 0xdc], proc(Proc.cr3StoreExiting)),
    long('MOV from CR3 not exiting', [0x0f, 0x20, 0xd8, ...CPUID]),
    long('MOV to CR8', [0x44, 0x0f, 0x22, 0xc0], proc(Proc.cr8LoadExiting), set(Register.rax, 5)),
    long('MOV from CR8', [0x44, 0x0f, 0x20, 0xc1], proc(Proc.cr8StoreExiting)),
    long('MOV to CR8 with TPR shadow', [0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x20, 0xc0, ...CPUID], set(Register.rax, 5)),
    long('MOV to CR8 below the threshold', [0x44, 0x0f, 0x22, 0xc0, ...CPUID], set(Register.rax, 1), poke(VIRTUAL_APIC + 0x80, 0x50), vmwrite('TPR_THRESHOLD', 3)),
    { name: 'VTPR after MOV to CR8', lists: [LONG], ops: [...code(GUEST_CODE, 0x44, 0x0f, 0x22, 0xc0), set(Register.rax, 7), launch(), op(OP.peek, VIRTUAL_APIC + 0x80)] },
  ];
}

function portAndMsrCases(): VmxCase[] {
  const unconditional = [off(LONG, 'PROC_CONTROLS', Proc.ioBitmaps | 0x8000_0000), vmwrite('PROC_CONTROLS', (0x0400_6172 | Proc.unconditionalIoExiting | Proc.secondaryControls) >>> 0)];
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
  const always = ports.map(([name, bytes]) => long(`${name}, unconditional`, bytes, ...unconditional, ...ins, set(Register.rdx, 0x1234), set(Register.rcx, 2)));
  const bitmapped = [
    long('IN from a port of bitmap A', [0xec], set(Register.rdx, 0x71), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('IN from a port beside it', [0xec, ...CPUID], set(Register.rdx, 0x72), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('IN of four bytes whose last is set', [0xed], set(Register.rdx, 0x6e), poke(IO_BITMAP_A + 8, 1n << 49n)),
    long('OUT to a port of bitmap B', [0xee], set(Register.rdx, 0xffff), poke(IO_BITMAP_B + 0xff8, 1n << 63n)),
    long('IN across both bitmaps', [0xed], set(Register.rdx, 0x7ffe), poke(IO_BITMAP_B, 1)),
    long('IN that wraps', [0xed], set(Register.rdx, 0xfffe)),
  ];
  const msr = (name: string, write: boolean, index: number, ...ops: readonly Op[]): VmxCase =>
    long(`${write ? 'WRMSR' : 'RDMSR'} ${name}`, [0x0f, write ? 0x30 : 0x32, ...CPUID], set(Register.rcx, index), ...ops);
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

function exceptionCases(): VmxCase[] {
  const READ = [0x48, 0x8b, 0x03];
  const WRITE = [0x48, 0x89, 0x03];
  const missing = 0x3a000;
  const unmapped = [poke(GUEST_PAGE_TABLE + 0x3a * 8, 0), set(Register.rbx, missing)];
  const fault = (name: string, bytes: readonly number[], ...ops: readonly Op[]): VmxCase => long(name, bytes, ...unmapped, ...ops);
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
      fault(`read, bitmap ${bitmap! >>> 0}, mask ${maskBits}, match ${match}`, READ, ...mask(bitmap!, maskBits!, match!)),
      fault(`write, bitmap ${bitmap! >>> 0}, mask ${maskBits}, match ${match}`, WRITE, ...mask(bitmap!, maskBits!, match!)),
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
    long('double fault', [0x0f, 0x0b], vmwrite('EXCEPTION_BITMAP', 1 << 8), vmwrite('GUEST_RSP', 0x20_0000), gate(14, 0)),
    long('triple fault', [0x0f, 0x0b], vmwrite('EXCEPTION_BITMAP', 0), vmwrite('GUEST_IDTR_LIMIT', 0)),
    long('single step', [NOP, NOP], vmwrite('GUEST_RFLAGS', 0x102)),
    long('single step over CPUID', [...CPUID, NOP], vmwrite('GUEST_RFLAGS', 0x102)),
    long('IRET to ring 3', [0x48, 0xcf], vmwrite('GUEST_RSP', 0x39f00), poke(0x39f00, GUEST_CODE + 2), poke(0x39f08, 0x3b), poke(0x39f10, 2), poke(0x39f18, 0x39e00), poke(0x39f20, 0x33)),
    ...([
      ['NMI', 0x8000_0202],
      ['external interrupt 0x40', 0x8000_0040],
      ['#UD', 0x8000_0306],
      ['#PF', 0x8000_0b0e],
      ['INT 0x41', 0x8000_0441],
      ['INT3', 0x8000_0603],
    ] as const).flatMap(([name, info]) => {
      const base = [vmwrite('ENTRY_INTERRUPT_INFO', info), vmwrite('ENTRY_INSTRUCTION_LENGTH', 2), vmwrite('GUEST_RFLAGS', 0x202), vmwrite('ENTRY_EXCEPTION_ERROR_CODE', 6)];
      const vector = Number(info) & 0xff;
      return [
        long(`injected ${name}, gate not present`, [NOP], ...base, gate(vector, 0)),
        long(`injected ${name}, stack without EPT mapping`, [NOP], ...base, poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
        long(`injected ${name}, stack not mapped`, [NOP], ...base, poke(GUEST_PAGE_TABLE + 0x39 * 8, 0)),
      ];
    }),
  ];
}

function eptCases(): VmxCase[] {
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
      [0, 1, 3, 4, 5, 7].map(rights => at(`EPT ${kind}, rights ${rights}`, [...bytes], rights === 0 ? 0 : 0x3_a030 | rights)),
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
      long(`EPT ${kind} with a read-only page table`, bytes, poke(EPT_PAGE_TABLE + 0x37 * 8, 0x3_7035), set(Register.rbx, GUEST_DATA)),
      long(`EPT ${kind} with a read-only page table and flags`, bytes, poke(EPT_PAGE_TABLE + 0x37 * 8, 0x3_7035), flags, set(Register.rbx, GUEST_DATA)),
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
      ops: [...code(GUEST_CODE, ...bytes), ...code(GUEST_DATA), set(Register.rbx, GUEST_DATA), launch(), op(OP.peek, GUEST_PAGE_TABLE + 0x3a * 8), op(OP.peek, 0x34000)],
    })),
    long('EPT violation beyond 512 GiB', READ, set(Register.rbx, GUEST_DATA), poke(GUEST_PAGE_TABLE + page * 8, 0x80_0000_0007n)),
    long('EPT large page', [...READ, ...CPUID], poke(EPT_ROOT + 0x2000, 0xb7), set(Register.rbx, GUEST_DATA), poke(GUEST_DATA, 0x1234)),
    long('EPT large page, low address bits set', READ, poke(EPT_ROOT + 0x2000, 0x10_00b7)),
    long('EPT execute-only code', [...CPUID], poke(EPT_PAGE_TABLE + 0x3c * 8, 0x3_c034)),
    long('EPT code not executable', [...CPUID], poke(EPT_PAGE_TABLE + 0x3c * 8, 0x3_c033)),
    long('EPT root entry absent', [...CPUID], poke(EPT_ROOT, 0)),
    long('EPT root entry with reserved bit', [...CPUID], poke(EPT_ROOT, EPT_ROOT + 0x1000 + 0x87)),
    long('push without EPT mapping', [0x50], poke(EPT_PAGE_TABLE + 0x39 * 8, 0)),
    long('REP MOVSB into a missing page', [0xf3, 0xa4], poke(EPT_PAGE_TABLE + 0x3b * 8, 0), set(Register.rdi, 0x3_affe), set(Register.rsi, GUEST_CODE), set(Register.rcx, 8)),
    long('write across a page without mapping', WRITE, poke(EPT_PAGE_TABLE + 0x3b * 8, 0), set(Register.rbx, 0x3_affc)),
    guest('page fault without EPT', SHADOWED, READ, set(Register.rbx, 0x50_0000)),
  ];
}

function eventCases(): VmxCase[] {
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
    long('NMI window opened by IRET', [0x48, 0xcf, NOP], nmiWindow, vmwrite('GUEST_INTERRUPTIBILITY', 8), poke(0x39f00, GUEST_CODE + 2), poke(0x39f08, 8), poke(0x39f10, 2), poke(0x39f18, 0x39e00), poke(0x39f20, 0x10)),
    long('both windows', [NOP], nmiWindow, window, flags),
    long('exit in the shadow of MOV SS', [...MOV_SS, ...CPUID, NOP], ss),
    long('exit in the shadow of STI', [STI, ...CPUID, NOP]),
    long('HLT in the shadow of STI', [STI, 0xf4]),
    long('TPR threshold at entry', [NOP], vmwrite('TPR_THRESHOLD', 0), poke(VIRTUAL_APIC + 0x80, 0)),
    long('TSC offset', [0x0f, 0x31, 0x31, 0xc0, ...CPUID], proc(Proc.tscOffsetting), vmwrite('TSC_OFFSET', 1n << 40n)),
    long('entry without loading EFER', [0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, ...CPUID], off(LONG, 'ENTRY_CONTROLS', Entry.loadEfer)),
    long('PAUSE loop', Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 0xf3 : 0x90)), proc2(Proc2.pauseLoopExiting), vmwrite('PLE_GAP', 10), vmwrite('PLE_WINDOW', 8)),
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

function rootCases(): VmxCase[] {
  const plain = (name: string, ...ops: readonly Op[]): VmxCase => ({ name, lists: [], ops });
  const ready = (name: string, ...ops: readonly Op[]): VmxCase => ({ name, lists: [LONG], ops });
  const INSTRUCTIONS = ['VMCALL', 'VMLAUNCH', 'VMRESUME', 'VMXOFF', 'VMREAD', 'VMWRITE', 'VMPTRLD', 'VMPTRST', 'VMCLEAR', 'VMXON', 'INVEPT', 'INVVPID'];
  return [
    plain('VMLAUNCH of an empty VMCS', launch()),
    plain('VMRESUME of a clear VMCS', op(OP.resume, 1)),
    ready('VMLAUNCH twice', launch(), launch()),
    ready('VMRESUME after VMLAUNCH', launch(), vmwrite('GUEST_RIP', GUEST_CODE), op(OP.resume, 1)),
    ready('VMRESUME after VMCLEAR', launch(), op(OP.vmclear, 0, VMCS_A), op(OP.vmptrld, 0, VMCS_A), op(OP.resume, 1)),
    ready('VMLAUNCH after a failed one', vmwrite('GUEST_RFLAGS', 0), launch(), vmwrite('GUEST_RFLAGS', 2), launch()),
    ready('VMLAUNCH in the shadow of MOV SS', op(OP.launchBlocked, 1), launch()),
    ready('VMRESUME in the shadow of MOV SS', op(OP.resumeBlocked, 1)),
    plain('VMCLEAR of the current VMCS', op(OP.vmclear, 0, VMCS_A), op(OP.vmread, 0x4400), op(OP.vmptrst), launch(), op(OP.resume, 1)),
    plain('VMCLEAR, misaligned', op(OP.vmclear, 0, 0x800)),
    plain('VMCLEAR, beyond the width', op(OP.vmclear, 0, 1n << 40n)),
    plain('VMCLEAR of the VMXON region', op(OP.vmclear, 0, 0x20000)),
    plain('VMPTRLD, misaligned', op(OP.vmptrld, 0, 0x21008)),
    plain('VMPTRLD, beyond the width', op(OP.vmptrld, 0, 1n << 45n)),
    plain('VMPTRLD of the VMXON region', op(OP.vmptrld, 0, 0x20000)),
    plain('VMPTRLD, revision', poke(VMCS_B, 0x1234), op(OP.vmptrld, 0, VMCS_B)),
    plain('VMPTRLD and VMPTRST', op(OP.vmptrld, 0, VMCS_B), op(OP.vmptrst), op(OP.vmptrld, 0, VMCS_A), op(OP.vmptrst)),
    plain('failures without current VMCS', op(OP.vmclear, 0, VMCS_A), op(OP.vmclear, 0, 1), op(OP.vmptrld, 0, 1), op(OP.vmxon, 0, 0x20000), op(OP.invept, 0, 0), op(OP.vmwriteLoud, 0x6c00, 1)),
    plain('VMXON twice', op(OP.vmxon, 0, 0x20000), op(OP.vmxon, 0, 1)),
    plain('VMXOFF and VMXON', op(OP.vmxoff), op(OP.vmptrst), op(OP.vmxon, 0, 0x20000), op(OP.vmptrst)),
    plain('VMXON, misaligned', op(OP.vmxoff), op(OP.vmxon, 0, 0x20001)),
    plain('VMXON, beyond the width', op(OP.vmxoff), op(OP.vmxon, 0, 1n << 41n)),
    plain('VMXON, revision', op(OP.vmxoff), poke(0x20000, 0x1_0000_0000n), op(OP.vmxon, 0, 0x20000)),
    plain('VMXON without CR4.VMXE', op(OP.vmxoff), op(OP.cr4, 0, 0x20), op(OP.vmxon, 0, 0x20000)),
    plain('VMXON without CR0.NE', op(OP.vmxoff), op(OP.cr0, 0, 0x8001_0011), op(OP.vmxon, 0, 0x20000)),
    plain('CR0.NE in VMX operation', op(OP.cr0, 0, 0x8001_0011)),
    plain('CR0.PG in VMX operation', op(OP.cr0, 0, 0x0001_0031)),
    plain('CR4.VMXE in VMX operation', op(OP.cr4, 0, 0x20)),
    plain('VMX instructions outside of VMX operation', op(OP.vmxoff), ...[OP.vmxoff, OP.vmclear, OP.vmptrld, OP.vmptrst, OP.vmread, OP.vmwriteLoud, OP.launch, OP.resume, OP.invept, OP.invvpid].map(kind => op(kind))),
    plain('VMREAD of what is no field', op(OP.vmread, 0x9999), op(OP.vmread, 0x6c18), op(OP.vmread, 0x4001), op(OP.vmread, 0x0801), op(OP.vmread, 0x6801), op(OP.vmread, 0xffff_ffff)),
    plain('VMWRITE of what is no field', op(OP.vmwriteLoud, 0x9999, 1), op(OP.vmwriteLoud, 0x6c18, 1)),
    plain('VMWRITE to a read-only field', op(OP.vmwriteLoud, 0x4402, 0x55), op(OP.vmread, 0x4402)),
    plain('halves of a 64-bit field', op(OP.vmwriteLoud, 0x2800, 0x1122_3344_5566_7788n), op(OP.vmread, 0x2800), op(OP.vmread, 0x2801), op(OP.vmwriteLoud, 0x2801, 0xffff_ffff_9999_9999n), op(OP.vmread, 0x2800)),
    plain('widths of fields', op(OP.vmwriteLoud, 0x0800, 0x1_2345_6789n), op(OP.vmread, 0x0800), op(OP.vmwriteLoud, 0x4800, 0x1_2345_6789n), op(OP.vmread, 0x4800), op(OP.vmwriteLoud, 0x6800, 0x1122_3344_5566_7788n), op(OP.vmread, 0x6800)),
    plain('fields, 16 bits', op(OP.sweep, 0, 0xfff)),
    plain('fields, 64 bits', op(OP.sweep, 0x2000, 0x2fff)),
    plain('fields, 32 bits', op(OP.sweep, 0x4000, 0x4fff)),
    plain('fields, natural width', op(OP.sweep, 0x6000, 0x6fff)),
    ...[0, 1, 2, 3, 4].map(type => plain(`INVEPT type ${type}`, op(OP.invept, type, 0x3_001e), op(OP.invept, type, 0))),
    plain('INVEPT with reserved bits', op(OP.inveptReserved, 1, 1), op(OP.inveptReserved, 2, 1)),
    plain('INVEPT with a bad pointer', ...[0x3_001f, 0x3_0006, 0x3_009e, (1n << 45n) | 0x3_001en].map((pointer: bigint | number) => op(OP.invept, 1, pointer))),
    ...[0, 1, 2, 3, 4].map(type => plain(`INVVPID type ${type}`, op(OP.invvpid, type, 1), op(OP.invvpid, type, 0), op(OP.invvpid, type, 0x1_0001))),
    plain('INVVPID of addresses', op(OP.invvpidAddress, 0, 0x1234), op(OP.invvpidAddress, 0, 0x8000_0000_0000n), op(OP.invvpidAddress, 1, 0x8000_0000_0000n)),
    ...INSTRUCTIONS.flatMap((name, index) => (name === 'VMCALL' ? [] : [plain(`${name} in ring 3`, op(OP.userInstruction, index)), plain(`${name} in compatibility mode`, op(OP.compatibilityInstruction, index))])),
    ...Array.from({ length: 17 }, (_, index) => plain(`WRMSR of capability ${(0x480 + index).toString(16)}`, op(OP.wrmsr, 0x480 + index, 0))),
  ];
}

/** Cases about instructions and exits, in a fixed order. */
export function instructionCases(): readonly VmxCase[] {
  return [...simpleCases(), ...registerCases(), ...portAndMsrCases(), ...exceptionCases(), ...eptCases(), ...eventCases(), ...rootCases()];
}
