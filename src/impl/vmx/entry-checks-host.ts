import { Entry, Exit } from './control-bits.ts';
import { checksOf, type EntryCheckRow, type EntryState } from './entry-state.ts';
import { isBadPat } from './memory-types.ts';
import { vmcsWord } from './vmcs.ts';

const at = {
  cr0: vmcsWord('HOST_CR0'),
  cr3: vmcsWord('HOST_CR3'),
  cr4: vmcsWord('HOST_CR4'),
  sysenterEsp: vmcsWord('HOST_SYSENTER_ESP'),
  sysenterEip: vmcsWord('HOST_SYSENTER_EIP'),
  perfGlobal: vmcsWord('HOST_PERF_GLOBAL_CTRL'),
  pat: vmcsWord('HOST_PAT'),
  efer: vmcsWord('HOST_EFER'),
  rip: vmcsWord('HOST_RIP'),
  cs: vmcsWord('HOST_CS_SELECTOR'),
  ss: vmcsWord('HOST_SS_SELECTOR'),
  tr: vmcsWord('HOST_TR_SELECTOR'),
};
const SELECTORS = ['CS', 'SS', 'DS', 'ES', 'FS', 'GS', 'TR'].map(name => vmcsWord(`HOST_${name}_SELECTOR`));
const BASES = ['FS', 'GS', 'GDTR', 'IDTR', 'TR'].map(name => vmcsWord(`HOST_${name}_BASE`));

const CR4_PAE = 0x20;
const CR4_PCIDE = 0x2_0000;
const EFER_LME_LMA = 0x500;

const registers = checksOf('Checks on Host Control Registers, MSRs, and SSP');
const segments = checksOf('Checks on Host Segment and Descriptor-Table Registers');
const size = checksOf('Checks Related to Address-Space Size');

/** True if a control register has a bit of the wrong value; bits 63:32 must be 0. */
export function violatesFixedBits(s: EntryState, word: number, fixed0: number, fixed1: number): boolean {
  const low = s.low(word);
  return (~low & fixed0) !== 0 || (low & ~fixed1) !== 0 || s.high(word) !== 0;
}

/** Checks on the host-state area; a failure is VMfailValid(8). */
export const HOST_CHECKS: readonly EntryCheckRow[] = [
  registers('host-cr0', 'CR0 has the bits that VMX operation fixes', s =>
    violatesFixedBits(s, at.cr0, s.capabilities.cr0Fixed0, s.capabilities.cr0Fixed1),
  ),
  registers('host-cr4', 'CR4 has the bits that VMX operation fixes', s =>
    violatesFixedBits(s, at.cr4, s.capabilities.cr4Fixed0, s.capabilities.cr4Fixed1),
  ),
  registers('host-cr3', 'CR3 is a physical address', s => (s.high(at.cr3) & s.beyondPhysical) !== 0),
  registers('host-sysenter', 'IA32_SYSENTER_ESP and IA32_SYSENTER_EIP are canonical', s => {
    return s.isNotCanonical(at.sysenterEsp) || s.isNotCanonical(at.sysenterEip);
  }),
  registers('host-perf-global-ctrl', 'IA32_PERF_GLOBAL_CTRL has no reserved bit', s => {
    if ((s.exit & Exit.loadPerfGlobalCtrl) === 0) return false;
    const { perfGlobalLow, perfGlobalHigh } = s.capabilities;
    return (s.low(at.perfGlobal) & ~perfGlobalLow) !== 0 || (s.high(at.perfGlobal) & ~perfGlobalHigh) !== 0;
  }),
  registers('host-pat', 'IA32_PAT has memory types only', s => {
    return (s.exit & Exit.loadPat) !== 0 && isBadPat(s.low(at.pat), s.high(at.pat));
  }),
  registers('host-efer-reserved', 'IA32_EFER has no reserved bit', s => {
    if ((s.exit & Exit.loadEfer) === 0) return false;
    return (s.low(at.efer) & ~s.capabilities.eferBits) !== 0 || s.high(at.efer) !== 0;
  }),
  registers('host-efer-mode', 'IA32_EFER.LMA and LME are what the host address-space size says', s => {
    return (s.exit & Exit.loadEfer) !== 0 && (s.low(at.efer) & EFER_LME_LMA) !== (s.isHost64 ? EFER_LME_LMA : 0);
  }),
  segments('host-selectors', 'selectors have RPL and TI 0', s => {
    for (const word of SELECTORS) if ((s.low(word) & 7) !== 0) return true;
    return false;
  }),
  segments('host-cs-tr', 'CS and TR are not null', s => s.low(at.cs) === 0 || s.low(at.tr) === 0),
  segments('host-ss', 'SS is not null in a 32-bit host', s => !s.isHost64 && s.low(at.ss) === 0),
  segments('host-bases', 'bases of FS, GS, GDTR, IDTR and TR are canonical', s => {
    for (const word of BASES) if (s.isNotCanonical(word)) return true;
    return false;
  }),
  size('legacy-processor', 'outside of IA-32e mode neither guest nor host use it', s => {
    return !s.processor.isLongMode && ((s.entry & Entry.ia32eGuest) !== 0 || s.isHost64);
  }),
  size('host-64-bit', 'a processor in IA-32e mode has a 64-bit host', s => s.processor.isLongMode && !s.isHost64),
  size('host-32-bit-guest', 'a 32-bit host has no IA-32e guest', s => !s.isHost64 && s.isIa32eGuest),
  size('host-32-bit', 'a 32-bit host has CR4.PCIDE 0 and RIP below 2^32', s => {
    return !s.isHost64 && ((s.low(at.cr4) & CR4_PCIDE) !== 0 || s.high(at.rip) !== 0);
  }),
  size('host-64-bit-state', 'a 64-bit host has CR4.PAE 1 and a canonical RIP', s => {
    return s.isHost64 && ((s.low(at.cr4) & CR4_PAE) === 0 || s.isNotCanonical(at.rip));
  }),
];
