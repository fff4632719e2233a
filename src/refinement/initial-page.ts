import type { PolicyDocument, Subject } from '../policy/document.ts';

/**
 * State page of a subject after a reset, stated from the policy and the documented layout (Muen "Subject State"), apart from the
 * kernel's tables: registers, control registers and their shadows, segments as the policy says; RFLAGS 2; running; the rest 0.
 */

/** Byte offsets. */
const REGISTERS: Readonly<Record<string, number>> = {
  rax: 8,
  rbx: 16,
  rcx: 24,
  rdx: 32,
  rdi: 40,
  rsi: 48,
  rbp: 56,
  r08: 64,
  r09: 72,
  r10: 80,
  r11: 88,
  r12: 96,
  r13: 104,
  r14: 112,
  r15: 120,
  rip: 164,
  rsp: 172,
};
const OFFSET = { cr0: 180, cr0Shadow: 188, cr4: 204, cr4Shadow: 212, rflags: 220, cs: 252, running: 492 } as const;
const SEGMENT_BYTES = 24;
const SEGMENTS = ['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldtr'] as const;
const PAGE_BYTES = 496;

/** Bits of CR0 and CR4 under the names of the policy (SDM Vol. 3A, "Control Registers"). */
const CR0_NAMES: Readonly<Record<number, string>> = {
  0: 'ProtectionEnable',
  1: 'MonitorCoprocessor',
  2: 'Emulation',
  3: 'TaskSwitched',
  4: 'ExtensionType',
  5: 'NumericError',
  16: 'WriteProtect',
  18: 'AlignmentMask',
  29: 'NotWritethrough',
  30: 'CacheDisable',
  31: 'Paging',
};
const CR4_NAMES: Readonly<Record<number, string>> = {
  0: 'Virtual8086',
  1: 'ProtectedVirtualInts',
  2: 'TimeStampDisable',
  3: 'DebuggingExtensions',
  4: 'PageSizeExtensions',
  5: 'PhysicalAddressExtension',
  6: 'MachineCheckEnable',
  7: 'PageGlobalEnable',
  8: 'PerfCounterEnable',
  9: 'OSSupportFXSAVE',
  10: 'OSSupportSIMDExceptions',
  11: 'UMInstructionPrevention',
  13: 'VMXEnable',
  14: 'SMXEnable',
  16: 'FSGSBASEEnable',
  17: 'PCIDEnable',
  18: 'XSAVEEnable',
  20: 'SMEPEnable',
  21: 'SMAPEnable',
  22: 'ProtectionKeyEnable',
};

const word = (fields: Readonly<Record<string, 0 | 1>>, names: Readonly<Record<number, string>>): number =>
  Object.entries(names).reduce((sum, [bit, name]) => sum + (fields[name] === 1 ? 2 ** Number(bit) : 0), 0);

/** Bits of CR0 or CR4 that the kernel owns: those that the policy does not give to the subject by a 0, and all without a name. */
export function controlRegisterMask({ vcpu }: Subject, register: 0 | 4): number {
  const [fields, names] = register === 0 ? [vcpu.masks.cr0, CR0_NAMES] : [vcpu.masks.cr4, CR4_NAMES];
  const free = Object.entries(names).reduce((sum, [bit, name]) => sum + (fields[name] === 0 ? 2 ** Number(bit) : 0), 0);
  return ~free >>> 0;
}

/** Words of the page. */
export function initialPage({ vcpu }: Subject): Uint32Array {
  const bytes = new DataView(new ArrayBuffer(PAGE_BYTES));
  for (const [name, offset] of Object.entries(REGISTERS))
    bytes.setBigUint64(offset, Object.entries(vcpu.gpr).find(([register]) => register === name)?.[1] ?? 0n, true);
  bytes.setUint32(OFFSET.cr0, word(vcpu.cr0, CR0_NAMES), true);
  bytes.setUint32(OFFSET.cr0Shadow, word(vcpu.cr0Shadow, CR0_NAMES), true);
  bytes.setUint32(OFFSET.cr4, word(vcpu.cr4, CR4_NAMES), true);
  bytes.setUint32(OFFSET.cr4Shadow, word(vcpu.cr4Shadow, CR4_NAMES), true);
  bytes.setUint32(OFFSET.rflags, 2, true);
  for (const [index, name] of SEGMENTS.entries()) {
    const segment = vcpu.segments[name];
    if (segment === undefined) continue;
    const at = OFFSET.cs + SEGMENT_BYTES * index;
    bytes.setBigUint64(at, BigInt(segment.selector), true);
    bytes.setBigUint64(at + 8, segment.base, true);
    bytes.setUint32(at + 16, segment.limit, true);
    bytes.setUint32(at + 20, segment.access, true);
  }
  bytes.setUint8(OFFSET.running, 1);
  return new Uint32Array(bytes.buffer);
}

/** Pages of all subjects, by id. */
export function initialPages({ subjects }: PolicyDocument): readonly Uint32Array[] {
  const pages: Uint32Array[] = [];
  for (const subject of subjects) pages[subject.globalId] = initialPage(subject);
  return pages;
}
