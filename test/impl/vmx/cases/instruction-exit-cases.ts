import { Proc, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import { code, launch, OP, type Op, op, poke, type VmxCase, vmwrite } from './case-program.ts';
import { CPUID, guest, long, NOP, on, proc, proc2, Register, set } from './guest-case.ts';
import { COMPATIBILITY, GUEST_CODE, GUEST_DATA, LONG, PROTECTED, REAL, VIRTUAL_APIC } from './profiles.ts';

/* Instructions and control registers: what exits, and what the exits report. */

export function simpleCases(): VmxCase[] {
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
    [
      'INVPCID',
      [0x66, 0x0f, 0x38, 0x82, 0x08],
      [proc(Proc.invlpgExiting), proc2(Proc2.invpcid), set(Register.rax, GUEST_DATA)],
    ],
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
    ['IN AL, DX', [0x66, 0xba, 0xf0, 0x02, 0xec]],
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
    ['IN AL, 0xe0', [0xe4, 0xe0]],
    ['UD2', [0x0f, 0x0b]],
    ['MOV CR0, EAX', [0x0f, 0x22, 0xc0]],
  ].map(([name, bytes]) => guest(`real: ${name}`, REAL, bytes as number[], set(Register.rax, 0x30)));
  return [...cases, ...inRing3, ...inProtected, ...inReal];
}

export function registerCases(): VmxCase[] {
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
    long(
      'MOV to CR0, masked bit differs',
      [...movToCr0, ...CPUID],
      set(Register.rax, 0x8001_0033),
      ...masks(0x1_0000, 0),
    ),
    long(
      'MOV to CR0, masked bit equals the shadow',
      [...movToCr0, ...shown],
      set(Register.rax, 0x8001_0033),
      ...masks(0x1_0000, 0x1_0000),
    ),
    long('MOV to CR0 that VMX forbids', movToCr0, set(Register.rax, 0x8000_0011)),
    long('MOV to CR0 with a reserved high bit', movToCr0, set(Register.rax, 0x1_8000_0031n)),
    long('MOV to CR4, masked bit differs', movToCr4, set(Register.rax, 0x20), ...masks4(0x2000, 0x2000)),
    long(
      'MOV to CR4, masked bit equals the shadow',
      [...movToCr4, 0x0f, 0x20, 0xe0, ...CPUID],
      set(Register.rax, 0xa0),
      ...masks4(0x2000, 0),
    ),
    long('MOV to CR4 that VMX forbids', movToCr4, set(Register.rax, 0x20)),
    ...[
      [0, 0],
      [8, 0],
      [8, 8],
    ].map(([mask, shadow]) =>
      long(
        `CLTS, mask ${mask}, shadow ${shadow}`,
        [...CLTS, ...shown],
        ...masks(mask!, shadow!),
        vmwrite('GUEST_CR0', 0x8000_0039),
      ),
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
      long(
        `LMSW ${value}, mask ${mask}, shadow ${shadow}`,
        [...LMSW_AX, ...shown],
        ...masks(mask!, shadow!),
        set(Register.rax, value!),
      ),
    ),
    long('LMSW [rax]', [0x0f, 0x01, 0x30], ...masks(0xe, 0), set(Register.rax, GUEST_DATA), poke(GUEST_DATA, 0xb)),
    long('MOV to CR3', movToCr3, set(Register.rcx, 0x34000), proc(Proc.cr3LoadExiting)),
    long(
      'MOV to CR3, a target',
      [...movToCr3, ...CPUID],
      set(Register.rcx, 0x34000),
      proc(Proc.cr3LoadExiting),
      vmwrite('CR3_TARGET_COUNT', 2),
      vmwrite('CR3_TARGET1', 0x34000),
    ),
    long(
      'MOV to CR3, a target beyond the count',
      movToCr3,
      set(Register.rcx, 0x34000),
      proc(Proc.cr3LoadExiting),
      vmwrite('CR3_TARGET_COUNT', 1),
      vmwrite('CR3_TARGET1', 0x34000),
    ),
    long('MOV to CR3 not exiting', [...movToCr3, ...CPUID], set(Register.rcx, 0x34000)),
    long('MOV from CR3', [0x0f, 0x20, 0xd8], proc(Proc.cr3StoreExiting)),
    long('MOV from CR3 to R12', [0x41, 0x0f, 0x20, 0xdc], proc(Proc.cr3StoreExiting)),
    long('MOV from CR3 not exiting', [0x0f, 0x20, 0xd8, ...CPUID]),
    long('MOV to CR8', [0x44, 0x0f, 0x22, 0xc0], proc(Proc.cr8LoadExiting), set(Register.rax, 5)),
    long('MOV from CR8', [0x44, 0x0f, 0x20, 0xc1], proc(Proc.cr8StoreExiting)),
    long(
      'MOV to CR8 with TPR shadow',
      [0x44, 0x0f, 0x22, 0xc0, 0x44, 0x0f, 0x20, 0xc0, ...CPUID],
      set(Register.rax, 5),
    ),
    long(
      'MOV to CR8 below the threshold',
      [0x44, 0x0f, 0x22, 0xc0, ...CPUID],
      set(Register.rax, 1),
      poke(VIRTUAL_APIC + 0x80, 0x50),
      vmwrite('TPR_THRESHOLD', 3),
    ),
    {
      name: 'VTPR after MOV to CR8',
      lists: [LONG],
      ops: [
        ...code(GUEST_CODE, 0x44, 0x0f, 0x22, 0xc0),
        set(Register.rax, 7),
        launch(),
        op(OP.peek, VIRTUAL_APIC + 0x80),
      ],
    },
  ];
}
