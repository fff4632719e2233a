import type { Subject } from '../policy/document.ts';

/** MSRs that the policy lets a subject access directly; both ends inclusive. */
export interface MsrGrant {
  readonly first: number;
  readonly last: number;
  readonly read: boolean;
  readonly write: boolean;
  /** Policy line of the range. */
  readonly line: number;
}

/** MSR ranges of a subject's virtual CPU. */
export function msrGrants(subject: Subject): readonly MsrGrant[] {
  return subject.vcpu.msrs.map(({ start, end, mode, at }) => ({
    first: start,
    last: end,
    read: mode.includes('r'),
    write: mode.includes('w'),
    line: at.line,
  }));
}

/** Which control bits make VM entry and exit switch an MSR by themselves; none named: always (muen.md 5.3). */
const SWITCHED_BY_VMCS: ReadonlyMap<number, { readonly entry: readonly string[]; readonly exit: readonly string[] }> =
  new Map([
    [0x174, { entry: [], exit: [] }],
    [0x175, { entry: [], exit: [] }],
    [0x176, { entry: [], exit: [] }],
    [0xc000_0100, { entry: [], exit: [] }],
    [0xc000_0101, { entry: [], exit: [] }],
    [0x1d9, { entry: ['LoadDebugControls'], exit: ['SaveDebugControls'] }],
    [0x277, { entry: ['LoadIA32PAT'], exit: ['SaveIA32PAT'] }],
    [0x38f, { entry: ['LoadIA32PERFGLOBALCTRL'], exit: [] }],
    [0xc000_0080, { entry: ['LoadIA32EFER'], exit: ['SaveIA32EFER'] }],
  ]);

/** MSRs of the package or the platform: whoever may write one shares it with everybody by the policy's own declaration. */
const PLATFORM_MSRS: ReadonlySet<number> = new Set([
  0xce, 0x19c, 0x1a2, 0x1b1, 0x606, 0x610, 0x611, 0x619, 0x641, 0x64b, 0x770, 0x771, 0x774,
]);

/** True if the value that a subject writes into the MSR stays its own without an entry of the MSR store. */
export function isSwitchedOtherwise(subject: Subject, msr: number): boolean {
  if (PLATFORM_MSRS.has(msr)) return true;
  const bits = SWITCHED_BY_VMCS.get(msr);
  if (bits === undefined) return false;
  const { entry, exit } = subject.vcpu.controls;
  return bits.entry.every(bit => entry[bit] === 1) && bits.exit.every(bit => exit[bit] === 1);
}

/** A writable MSR that the store must switch, with the policy line that makes it writable. */
export interface StoredMsr {
  readonly msr: number;
  readonly line: number;
}

/** Most MSRs that are listed for one subject: a policy may name any range, a store holds 32. */
const MAX_LISTED = 64;

/** MSRs that the kernel must switch through the MSR store, else one subject would see what another wrote. */
export function storedMsrGrants(subject: Subject): readonly StoredMsr[] {
  const stored: StoredMsr[] = [];
  for (const { first, last, write, line } of msrGrants(subject)) {
    for (let msr = first; write && msr <= last && stored.length < MAX_LISTED; msr++) {
      if (!isSwitchedOtherwise(subject, msr)) stored.push({ msr, line });
    }
  }
  return stored;
}
