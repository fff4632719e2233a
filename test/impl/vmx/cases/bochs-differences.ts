import { EventKind, Proc2 } from '../../../../src/impl/vmx/control-bits.ts';
import type { EntryCheckGroup } from '../../../../src/impl/vmx/entry-check-table.ts';
import type { EntryState } from '../../../../src/impl/vmx/entry-state.ts';
import { vmcsWord } from '../../../../src/impl/vmx/vmcs.ts';

/**
 * Where Bochs 2.7 decides a VM entry otherwise than the SDM says, row by row: what Bochs checks instead.
 *
 * With these rows exchanged, our table must give what Bochs printed in every case: nothing else is tolerated.
 */
export interface BochsDifference {
  /** Row of our table that Bochs evaluates differently, or 'added' for a check of its own. */
  readonly row: string;
  readonly section: string;
  readonly explanation: string;
  /** What Bochs checks in its place. */
  fails(state: EntryState): boolean;
  /** How Bochs reports it, where that differs too. */
  readonly failure?: EntryCheckGroup['failure'];
}

const never = (): boolean => false;

const csSelector = vmcsWord('GUEST_CS_SELECTOR');
const csAccess = vmcsWord('GUEST_CS_ACCESS');
const pendingDebug = vmcsWord('GUEST_PENDING_DEBUG');
const multiplier = vmcsWord('TSC_MULTIPLIER');
const dataSegments = ['DS', 'ES', 'FS', 'GS'].map(name => ({
  selector: vmcsWord(`GUEST_${name}_SELECTOR`),
  access: vmcsWord(`GUEST_${name}_ACCESS`),
}));

const dpl = (access: number): number => (access >>> 5) & 3;

export const BOCHS_DIFFERENCES: readonly BochsDifference[] = [
  {
    row: 'entry-to-smm',
    section: 'VM-Entry Control Fields',
    explanation:
      'outside of SMM "entry to SMM" must be 0, a check on controls; Bochs finds it only when it loads the guest state',
    fails: s => (s.entry & 0x400) !== 0,
    failure: { qualification: 0 },
  },
  {
    row: 'added',
    section: 'Time-Stamp Counter Offset and Multiplier',
    explanation: 'the SDM states no check on the TSC multiplier; Bochs refuses 0',
    fails: s => s.hasProc2(Proc2.tscScaling) && s.low(multiplier) === 0 && s.high(multiplier) === 0,
    failure: { error: 7 },
  },
  {
    row: 'activity-injection',
    section: 'Checks on Guest Non-Register State',
    explanation:
      'in the HLT state only external interrupts, NMI, #DB, #MC and pending MTF may be injected; Bochs looks at shutdown and wait-for-SIPI only',
    fails: s => {
      const activity = s.low(vmcsWord('GUEST_ACTIVITY'));
      if (!s.isInjecting || activity < 2) return false;
      if (activity === 3) return true;
      return (
        s.injectionType !== EventKind.nmi &&
        !(s.injectionType === EventKind.hardwareException && s.injectionVector === 18)
      );
    },
  },
  {
    row: 'blocking-virtual-nmi',
    section: 'Checks on Guest Non-Register State',
    explanation: 'with virtual NMIs no NMI may be injected while NMIs are blocked; Bochs does not check it',
    fails: never,
  },
  {
    row: 'host-perf-global-ctrl',
    section: 'Checks on Host Control Registers, MSRs, and SSP',
    explanation: 'reserved bits of IA32_PERF_GLOBAL_CTRL must be 0; Bochs has the control but not the register',
    fails: never,
  },
  {
    row: 'guest-perf-global-ctrl',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    explanation: 'as for the host',
    fails: never,
  },
  {
    row: 'cs-dpl',
    section: 'Checks on Guest Segment Registers',
    explanation: 'the DPL of a non-conforming CS must be the DPL of SS; Bochs compares it with the RPL of CS',
    fails: s => {
      if (s.isVirtual8086) return false;
      const type = s.low(csAccess) & 0xf;
      const cs = dpl(s.low(csAccess));
      if (type === 3) return cs !== 0;
      if (type === 9 || type === 11) return cs !== (s.low(csSelector) & 3);
      return cs > (s.low(csSelector) & 3);
    },
  },
  {
    row: 'data-dpl',
    section: 'Checks on Guest Segment Registers',
    explanation: 'DPL below RPL is refused for types 0 .. 11; Bochs leaves out type 11, readable non-conforming code',
    fails: s => {
      if (s.isVirtual8086 || s.isUnrestricted) return false;
      return dataSegments.some(({ selector, access }) => {
        const rights = s.low(access);
        return (rights & 0x1_0000) === 0 && (rights & 0xf) < 11 && dpl(rights) < (s.low(selector) & 3);
      });
    },
  },
  {
    row: 'ia32e-paging',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    explanation:
      'an IA-32e guest needs CR0.PG also if it is unrestricted; Bochs checks CR4.PAE only and sets CR0.PG itself',
    fails: s => s.isIa32eGuest && (s.cr4 & 0x20) === 0,
  },
  {
    row: 'rip-high',
    section: 'Checks on Guest RIP, RFLAGS, and SSP',
    explanation: 'bits 63:48 of RIP must be identical in 64-bit mode; Bochs enters, and the fetch raises #GP',
    fails: never,
  },
  {
    row: 'guest-debugctl',
    section: 'Checks on Guest Control Registers, Debug Registers, and MSRs',
    explanation: 'reserved bits of IA32_DEBUGCTL must be 0; Bochs does not check them',
    fails: never,
  },
  {
    row: 'pending-debug-reserved',
    section: 'Checks on Guest Non-Register State',
    explanation: 'bits 63:32 of the pending debug exceptions are reserved, too; Bochs reads 32 bits',
    fails: s => (s.low(pendingDebug) & 0xffff_aff0) !== 0,
  },
  {
    row: 'pending-debug-step',
    section: 'Checks on Guest Non-Register State',
    explanation:
      'BS must be what RFLAGS.TF and IA32_DEBUGCTL.BTF say while traps are blocked or the guest halts; Bochs does not check it',
    fails: never,
  },
];
