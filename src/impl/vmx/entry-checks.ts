import type { Cpu } from '../cpu.ts';
import { CR4_VMXE } from './controls.ts';
import { INJECT_EXTERNAL_INTERRUPT, RFLAGS_IF, Vmcs, vmcsWord } from './vmcs.ts';

/** A VM-entry check on the guest-state area; a row that fails makes the entry fail with exit reason 33. */
export interface EntryCheck {
  readonly id: string;
  /** SDM Vol. 3C, chapter "VM Entries", section title. */
  readonly section: string;
  fails(cpu: Cpu): boolean;
}

const CR0_PE = 1;
const CR0_NE = 1 << 5;
const CR0_PG = 1 << 31;
const UNRESTRICTED_GUEST = 1 << 7;
const CR4_PAE = 1 << 5;
const IA32E_MODE_GUEST = 1 << 9;
const RFLAGS_RESERVED_ZERO = 0xffc0_8028;
const ENTRY_CONTROLS_WORD = vmcsWord('ENTRY_CONTROLS');

/** Rows that a hosted subject or its monitor can violate through the state page. */
export const ENTRY_CHECKS: readonly EntryCheck[] = [
  {
    id: 'cr4-fixed-bits',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    fails: cpu => (cpu.vmread(Vmcs.cr4) & CR4_VMXE) === 0,
  },
  {
    id: 'cr0-fixed-bits',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    fails: cpu => {
      const cr0 = cpu.vmread(Vmcs.cr0);
      if ((cr0 & CR0_NE) === 0) return true;
      const unrestricted = (cpu.vmread(Vmcs.proc2Controls) & UNRESTRICTED_GUEST) !== 0;
      if (!unrestricted) return (cr0 & CR0_PE) === 0 || (cr0 & CR0_PG) === 0;
      return (cr0 & CR0_PG) !== 0 && (cr0 & CR0_PE) === 0;
    },
  },
  {
    id: 'ia32e-mode',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    fails: cpu =>
      (cpu.vmread(ENTRY_CONTROLS_WORD) & IA32E_MODE_GUEST) !== 0 &&
      ((cpu.vmread(Vmcs.cr0) & CR0_PG) === 0 || (cpu.vmread(Vmcs.cr4) & CR4_PAE) === 0),
  },
  {
    id: 'rflags-reserved',
    section: 'Checks on Guest RIP, RSP, RFLAGS, and SSP',
    fails: cpu => {
      const rflags = cpu.vmread(Vmcs.rflags);
      return (rflags & 2) === 0 || (rflags & RFLAGS_RESERVED_ZERO) !== 0 || cpu.vmread(Vmcs.rflags + 1) !== 0;
    },
  },
  {
    id: 'injection-needs-if',
    section: 'Checks on Guest RIP, RSP, RFLAGS, and SSP',
    fails: cpu => {
      const info = cpu.vmread(Vmcs.entryInterruptInfo);
      return (info & INJECT_EXTERNAL_INTERRUPT) !== 0 && (cpu.vmread(Vmcs.rflags) & RFLAGS_IF) === 0;
    },
  },
  {
    id: 'activity-state',
    section: 'Checks on Guest Non-Register State',
    fails: cpu => cpu.vmread(Vmcs.activity) > 3,
  },
  {
    id: 'activity-blocking',
    section: 'Checks on Guest Non-Register State',
    fails: cpu => cpu.vmread(Vmcs.activity) !== 0 && (cpu.vmread(Vmcs.interruptibility) & 3) !== 0,
  },
  {
    id: 'interruptibility-reserved',
    section: 'Checks on Guest Non-Register State',
    fails: cpu => (cpu.vmread(Vmcs.interruptibility) & ~0x1f) !== 0 || (cpu.vmread(Vmcs.interruptibility) & 3) === 3,
  },
  {
    id: 'sti-blocking-needs-if',
    section: 'Checks on Guest Non-Register State',
    fails: cpu => (cpu.vmread(Vmcs.interruptibility) & 1) !== 0 && (cpu.vmread(Vmcs.rflags) & RFLAGS_IF) === 0,
  },
];

/** First failing check, undefined if the guest state is valid. */
export function failingEntryCheck(cpu: Cpu): EntryCheck | undefined {
  for (const check of ENTRY_CHECKS) if (check.fails(cpu)) return check;
  return undefined;
}
