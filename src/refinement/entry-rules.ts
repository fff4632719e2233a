import { FRAME_WORDS, type PhysicalMemory } from '../impl/memory.ts';
import { vmcsWord } from '../impl/vmx/vmcs.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { lowOfBig } from '../units/word.ts';

/**
 * When the processor must refuse to enter a guest, stated from the SDM (Vol. 3C, "Checks on the Guest State Area") and the
 * capability MSRs of the policy's hardware, apart from the processor's own list. Only what a subject or its monitor can
 * bring about through the state page is stated.
 */

const CR0_PE = 0x1;
const CR0_PG = 0x8000_0000;
const CR4_PAE = 0x20;
const RFLAGS_IF = 0x200;
/** Bits 63:22, 15, 5 and 3 are 0, bit 1 is 1. */
const RFLAGS_ZERO = 0xffc0_8028;
const RFLAGS_ONE = 0x2;
const BLOCKING_BY_STI = 1;
const BLOCKING_BY_MOV_SS = 2;
const INTERRUPTIBILITY_DEFINED = 0x1f;
const LAST_ACTIVITY = 3;
const UNRESTRICTED_GUEST = 0x80;
const IA32E_MODE = 0x200;
const VALID = 0x8000_0000;

const MSR_CR0_FIXED0 = 0x486;
const MSR_CR4_FIXED0 = 0x488;
/** Bits that VMX operation fixes to 1 where the policy does not say: CR0.PE, NE, PG and CR4.VMXE. */
const USUAL_CR0_FIXED0 = 0x8000_0021;
const USUAL_CR4_FIXED0 = 0x2000;

/** Words of the state page (Muen "Subject State"), from which the kernel loads the guest state. */
const stateWord = {
  interruptibility: 33,
  activity: 34,
  cr0: 45,
  cr4: 51,
  rflags: 55,
  sysenterEsp: 59,
  sysenterEip: 61,
  trLimit: 103,
  trAccess: 104,
  gdtrBase: 113,
  idtrBase: 119,
} as const;
/** What an entry takes from the VMCS alone. */
const vmcs = {
  proc2: vmcsWord('PROC2_CONTROLS'),
  entryControls: vmcsWord('ENTRY_CONTROLS'),
  injection: vmcsWord('ENTRY_INTERRUPT_INFO'),
};

/** Bits of CR0 and CR4 that the described processor wants set in a guest. */
export interface FixedBits {
  readonly cr0: number;
  readonly cr4: number;
}

export function fixedBits(document: PolicyDocument): FixedBits {
  const msr = (address: number, usual: number): number => {
    const row = document.hardware.processor.msrs.find(candidate => candidate.address === address);
    return row === undefined ? usual : lowOfBig(row.value);
  };
  return { cr0: msr(MSR_CR0_FIXED0, USUAL_CR0_FIXED0), cr4: msr(MSR_CR4_FIXED0, USUAL_CR4_FIXED0) };
}

const isClear = (value: number, bits: number): boolean => (value & bits) === 0;
const hasAll = (value: number, bits: number): boolean => (value & bits) >>> 0 === bits >>> 0;

/** Bits 63:47 are equal. */
const isCanonicalHigh = (high: number): boolean => high >>> 15 === 0 || high >>> 15 === 0x1_ffff;

const TSS_TYPES = { busy16: 3, busy32: 11 } as const;

/** TR must be a present, usable, busy TSS without reserved bits, and its limit must fit the granularity. */
function isBadTaskRegister(access: number, limit: number, isIa32e: boolean): boolean {
  const type = access & 0xf;
  if (type !== TSS_TYPES.busy32 && (isIa32e || type !== TSS_TYPES.busy16)) return true;
  const isSystem = (access & 0x10) === 0;
  const isPresent = (access & 0x80) !== 0;
  if (!isSystem || !isPresent || (access & 0xf00) !== 0 || access >>> 16 !== 0) return true;
  const isGranular = (access & 0x8000) !== 0;
  return isGranular ? (limit & 0xfff) !== 0xfff : limit >>> 20 !== 0;
}

/** Slots of a subject's pages. */
export interface EnteredPages {
  readonly state: number;
  readonly vmcs: number;
}

/** Why the entry of a subject must fail that was loaded from its state page; empty if it must succeed. */
export function entryViolation(memory: PhysicalMemory, pages: EnteredPages, fixed: FixedBits): string {
  const inPage = (word: number): number => memory.words[pages.state * FRAME_WORDS + word]!;
  const inVmcs = (word: number): number => memory.words[pages.vmcs * FRAME_WORDS + word]!;
  const [cr0, cr4, rflags] = [inPage(stateWord.cr0), inPage(stateWord.cr4), inPage(stateWord.rflags)];
  const [activity, blocking] = [inPage(stateWord.activity), inPage(stateWord.interruptibility)];
  const isInjecting = !isClear(inVmcs(vmcs.injection), VALID);
  const isUnrestricted = !isClear(inVmcs(vmcs.proc2), UNRESTRICTED_GUEST);
  const cr0Fixed = isUnrestricted ? fixed.cr0 & ~(CR0_PE | CR0_PG) : fixed.cr0;
  if (!hasAll(cr0, cr0Fixed)) return 'a bit of CR0 that VMX operation fixes to 1 is 0';
  if (!isClear(cr0, CR0_PG) && isClear(cr0, CR0_PE)) return 'CR0.PG is set without CR0.PE';
  if (!hasAll(cr4, fixed.cr4)) return 'a bit of CR4 that VMX operation fixes to 1 is 0';
  if (!isClear(inVmcs(vmcs.entryControls), IA32E_MODE) && (isClear(cr0, CR0_PG) || isClear(cr4, CR4_PAE))) {
    return 'IA-32e mode without CR0.PG and CR4.PAE';
  }
  if (!isClear(rflags, RFLAGS_ZERO) || !hasAll(rflags, RFLAGS_ONE) || inPage(stateWord.rflags + 1) !== 0) {
    return 'a reserved bit of RFLAGS has the wrong value';
  }
  const highHalf = ['sysenterEsp', 'sysenterEip', 'gdtrBase', 'idtrBase'] as const;
  const wild = highHalf.find(name => !isCanonicalHigh(inPage(stateWord[name] + 1)));
  if (wild !== undefined) return `${wild} is not a canonical address`;
  const isIa32e = !isClear(inVmcs(vmcs.entryControls), IA32E_MODE);
  if (isBadTaskRegister(inPage(stateWord.trAccess), inPage(stateWord.trLimit), isIa32e)) return 'TR is no busy TSS';
  if (activity > LAST_ACTIVITY) return 'the activity state is undefined';
  if (!isClear(blocking, ~INTERRUPTIBILITY_DEFINED)) return 'a reserved bit of the interruptibility state is set';
  const isBlocked = !isClear(blocking, BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
  if (hasAll(blocking, BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)) return 'blocking by STI and by MOV SS at once';
  if (activity !== 0 && isBlocked) return 'interrupts are blocked in an activity state that executes nothing';
  if (!isClear(blocking, BLOCKING_BY_STI) && isClear(rflags, RFLAGS_IF)) return 'blocking by STI with RFLAGS.IF clear';
  if (isInjecting && isClear(rflags, RFLAGS_IF)) return 'an interrupt is injected with RFLAGS.IF clear';
  return isInjecting && isBlocked ? 'an interrupt is injected while interrupts are blocked' : '';
}
