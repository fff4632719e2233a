import type { GprName, PolicyDocument, SourceAction, Subject, TargetEvent } from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';
import { PAGE_SIZE_BYTES } from '../../units/address.ts';
import { err, ok, type Result } from '../../units/result.ts';
import { highOfBig, highWord, lowOfBig, lowWord } from '../../units/word.ts';
import {
  CR0_BITS,
  CR4_BITS,
  ENTRY_BITS,
  EXCEPTION_BITS,
  EXIT_BITS,
  PIN_BITS,
  PROC_BITS,
  PROC2_BITS,
  packBits,
} from '../vmx/controls.ts';
import { MAX_TRAP } from '../vmx/exit-reasons.ts';
import { ENABLE_EPT } from '../vmx/vmcs.ts';
import { compileInterrupts, compileLines } from './compile-interrupts.ts';
import { compilePlatform } from './compile-platform.ts';
import { compileScheduling } from './compile-scheduling.ts';
import { RegionIndex } from './region-index.ts';
import { STATE_SEGMENTS, STATE_WORDS, StateWord } from './state-layout.ts';
import { storedMsrs } from './structures/msr-store.ts';
import {
  type KernelPages,
  type KernelTables,
  NONE,
  NULL_SOURCE_EVENT,
  NULL_TARGET_EVENT,
  PANIC_SOURCE_EVENT,
  type SourceEventSpec,
  type SubjectSpec,
  type TargetEventSpec,
} from './tables.ts';

/** Decisions of the compiler from policy to kernel tables that a seeded fault can replace. */
export interface CompileOps {
  readonly compileScheduling: typeof compileScheduling;
  readonly compileInterrupts: typeof compileInterrupts;
  readonly compileLines: typeof compileLines;
  readonly compileSourceEvent: typeof compileSourceEvent;
  readonly compileTargetEvent: typeof compileTargetEvent;
  readonly compileInitialState: typeof compileInitialState;
}

/** Kernel tables and the physical places of the kernel's data. */
export interface CompiledPolicy {
  readonly tables: KernelTables;
  readonly pages: KernelPages;
}

/** CPUID leaf that reports the XSAVE features (SDM Vol. 2A, CPUID, leaf 0DH). */
const XSAVE_LEAF = 0xd;
/** XCR0 features that the kernel supports: x87, SSE, AVX, AVX-512. */
const SUPPORTED_XCR0 = 0b1110_0111;

/** Derives the kernel's constant tables from the policy; errors name what the policy lacks. */
export function compilePolicy(document: PolicyDocument, ops: CompileOps): Result<CompiledPolicy, readonly Finding[]> {
  const findings: Finding[] = [];
  const regions = new RegionIndex(document, findings);
  const scheduling = ops.compileScheduling(document, findings);
  const subjects = [...document.subjects]
    .sort((left, right) => left.globalId - right.globalId)
    .map(subject => compileSubject(document, subject, scheduling.groups, regions, ops));
  const pages = compilePages(document, regions);
  if (findings.some(finding => finding.severity === 'error')) return err(findings);
  const leaf = document.hardware.processor.cpuid.find(row => row.leaf === XSAVE_LEAF && row.subleaf === 0);
  const tables: KernelTables = {
    ...scheduling,
    subjects,
    vmxTimerRate: document.hardware.processor.vmxTimerRate,
    vectorRouting: ops.compileInterrupts(document),
    platform: compilePlatform(document),
    apicIds: document.hardware.processor.cpus.toSorted((a, b) => a.cpuId - b.cpuId).map(cpu => cpu.apicId),
    machineCheckBanks: machineCheckBanks(document),
    lines: ops.compileLines(document),
    xcr0Features: ((leaf?.eax ?? 3) & SUPPORTED_XCR0) | 1,
  };
  return ok({ tables, pages });
}

/** IA32_MCG_CAP: the low byte is the number of banks. */
const MCG_CAP = 0x179;
const USUAL_BANKS = 10;

function machineCheckBanks(document: PolicyDocument): number {
  const row = document.hardware.processor.msrs.find(candidate => candidate.address === MCG_CAP);
  return row === undefined ? USUAL_BANKS : lowOfBig(row.value) & 0xff;
}

/** First VMXON region where a policy names none: the start code lays them out from here. */
const VMXON_BASE = 0x8000;

const addressOf = (document: PolicyDocument, region: string): number | undefined =>
  document.memory.find(({ name }) => name === region)?.physicalAddress;

function compilePages(document: PolicyDocument, regions: RegionIndex): KernelPages {
  const mapped = (cpu: number, logical: string): string =>
    document.kernel.cpus.find(entry => entry.id === cpu)?.memory.find(mapping => mapping.logical === logical)
      ?.physical ?? `(kernel ${cpu} ${logical})`;
  const cpus = document.kernel.cpus.map(entry => entry.id);
  const globalData = mapped(0, 'global_data');
  const hasInterface = document.memory.some(region => region.name === 'sys_interface');
  return {
    globalData: regions.address(globalData, document.kernel.at),
    globalDataBytes: regions.size(globalData),
    data: cpus.map(cpu => regions.address(mapped(cpu, 'data'), document.kernel.at)),
    bss: cpus.map(cpu => regions.address(mapped(cpu, 'bss'), document.kernel.at)),
    bssBytes: Math.min(...cpus.map(cpu => regions.size(mapped(cpu, 'bss')))),
    schedulingInfo: [
      0,
      ...document.scheduling.partitions.map(partition =>
        regions.address(`scheduling_info_${partition.id}`, partition.at),
      ),
    ],
    vmxon: cpus.map(cpu => addressOf(document, `kernel_${cpu}|vmxon`) ?? VMXON_BASE + cpu * PAGE_SIZE_BYTES),
    rootTables: cpus.map(cpu => addressOf(document, `kernel_${cpu}|pt`) ?? 0),
    crashAudit: document.memory.find(region => region.type === 'subject_crash_audit')?.physicalAddress ?? NONE,
    interface: hasInterface ? regions.address('sys_interface', document.kernel.at) : NONE,
  };
}

function compileSubject(
  document: PolicyDocument,
  subject: Subject,
  groups: KernelTables['groups'],
  regions: RegionIndex,
  ops: CompileOps,
): SubjectSpec {
  const { controls, masks } = subject.vcpu;
  const address = (suffix: string): number => regions.address(`${subject.name}|${suffix}`, subject.at);
  const stored = storedMsrs(subject).length;
  const proc2Controls = packBits(controls.proc2, PROC2_BITS, 0);
  const tableOwner = subject.siblingOf ?? subject.name;
  const cr0Mask = packBits(masks.cr0, CR0_BITS, 0xffff_ffff);
  const cr4Mask = packBits(masks.cr4, CR4_BITS, 0xffff_ffff);
  return {
    id: subject.globalId,
    name: subject.name,
    cpu: subject.cpu,
    group: subject.schedGroupId,
    partition: groups[subject.schedGroupId]?.partition ?? 0,
    ept: (proc2Controls & ENABLE_EPT) !== 0,
    rootTable: regions.address(`${tableOwner}|pt`, subject.at),
    pinControls: packBits(controls.pin, PIN_BITS, 0),
    procControls: packBits(controls.proc, PROC_BITS, 0),
    proc2Controls,
    exitControls: packBits(controls.exit, EXIT_BITS, 0),
    entryControls: packBits(controls.entry, ENTRY_BITS, 0),
    exceptionBitmap: packBits(masks.exception, EXCEPTION_BITS, 0xffff_ffff),
    cr0Mask: [cr0Mask, 0xffff_ffff],
    cr4Mask: [cr4Mask, 0xffff_ffff],
    ioBitmap: address('iobm'),
    msrBitmap: address('msrbm'),
    storedMsrs: stored,
    entryPoint: Number(subject.vcpu.gpr.rip ?? 0n),
    initialState: ops.compileInitialState(subject),
    ...compileEvents(document, subject, ops),
    pages: {
      state: address('state'),
      timedEvent: address('timed_event'),
      interrupts: address('interrupts'),
      vmcs: address('vmcs'),
      fpu: address('fpu'),
      msrStore: stored === 0 ? NONE : address('msrstore'),
    },
  };
}

function compileEvents(
  document: PolicyDocument,
  subject: Subject,
  ops: CompileOps,
): Pick<SubjectSpec, 'traps' | 'vmcalls' | 'targets'> {
  const traps = Array.from({ length: MAX_TRAP + 1 }, () => PANIC_SOURCE_EVENT);
  const vmcalls = Array.from({ length: 64 }, () => NULL_SOURCE_EVENT);
  for (const group of subject.sourceGroups) {
    const table = group.name === 'vmx_exit' ? traps : vmcalls;
    for (const event of group.events) table[event.id] = ops.compileSourceEvent(document, event.physical, event.action);
  }
  const targets = Array.from({ length: 64 }, () => NULL_TARGET_EVENT);
  for (const event of subject.targetEvents) targets[event.id] = ops.compileTargetEvent(event);
  return { traps, vmcalls, targets };
}

/** Resolves a physical event to its target subject and event number (Muen `Source_Event_Type`). */
export function compileSourceEvent(
  document: PolicyDocument,
  physical: string,
  action: SourceAction | undefined,
): SourceEventSpec {
  const mode = document.events.find(event => event.name === physical)?.mode;
  const target = document.subjects.find(subject => subject.targetEvents.some(event => event.physical === physical));
  const targetEvent = target?.targetEvents.find(event => event.physical === physical);
  const isPureHandover = mode === 'switch' && targetEvent?.action === undefined;
  return {
    action: action?.kind ?? 'none',
    targetSubject: target?.globalId ?? NONE,
    targetEvent: targetEvent === undefined || isPureHandover ? NONE : targetEvent.id,
    handover: mode === 'switch',
    sendIpi: mode === 'ipi',
    irq: action?.kind === 'unmask_irq' ? action.number : 0,
  };
}

export function compileTargetEvent(event: TargetEvent): TargetEventSpec {
  if (event.action?.kind === 'inject_interrupt') return { action: 'inject_interrupt', vector: event.action.vector };
  return { action: event.action?.kind ?? 'none', vector: 0 };
}

const STATE_GPRS: readonly (readonly [GprName, number])[] = [
  ['rax', 2],
  ['rbx', 4],
  ['rcx', 6],
  ['rdx', 8],
  ['rdi', 10],
  ['rsi', 12],
  ['rbp', 14],
  ['r08', 16],
  ['r09', 18],
  ['r10', 20],
  ['r11', 22],
  ['r12', 24],
  ['r13', 26],
  ['r14', 28],
  ['r15', 30],
  ['rip', StateWord.rip],
  ['rsp', 43],
];

/** State page of a subject after reset: registers of the policy, RFLAGS = 2, running, everything else 0. */
export function compileInitialState(subject: Subject): Uint32Array {
  const words = new Uint32Array(STATE_WORDS);
  const put = (word: number, value: bigint): void => {
    words[word] = lowOfBig(value);
    words[word + 1] = highOfBig(value);
  };
  for (const [name, word] of STATE_GPRS) put(word, subject.vcpu.gpr[name] ?? 0n);
  put(45, BigInt(packBits(subject.vcpu.cr0, CR0_BITS, 0)));
  put(47, BigInt(packBits(subject.vcpu.cr0Shadow, CR0_BITS, 0)));
  put(StateWord.cr4, BigInt(packBits(subject.vcpu.cr4, CR4_BITS, 0)));
  put(53, BigInt(packBits(subject.vcpu.cr4Shadow, CR4_BITS, 0)));
  put(StateWord.rflags, 2n);
  STATE_SEGMENTS.forEach((name, index) => {
    const segment = subject.vcpu.segments[name.toLowerCase() as keyof Subject['vcpu']['segments']];
    if (segment === undefined) return;
    const word = StateWord.csSelector + 6 * index;
    words[word] = lowWord(segment.selector);
    words[word + 1] = highWord(segment.selector);
    put(word + 2, segment.base);
    words[word + 4] = segment.limit >>> 0;
    words[word + 5] = segment.access >>> 0;
  });
  words[StateWord.running] = 1;
  return words;
}

export const compileOps: CompileOps = {
  compileScheduling,
  compileInterrupts,
  compileLines,
  compileSourceEvent,
  compileTargetEvent,
  compileInitialState,
};
