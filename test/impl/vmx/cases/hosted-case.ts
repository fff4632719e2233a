import { PhysicalMemory } from '../../../../src/impl/memory.ts';
import type { VmxCapabilities } from '../../../../src/impl/vmx/capabilities.ts';
import {
  ENTRY_CHECK_GROUPS,
  type EntryCheckGroup,
  type FailedEntryCheck,
  failedEntryCheck,
  failedEntryChecks,
} from '../../../../src/impl/vmx/entry-check-table.ts';
import { type EntryProcessor, EntryState } from '../../../../src/impl/vmx/entry-state.ts';
import { vmcsWord } from '../../../../src/impl/vmx/vmcs.ts';
import { VMCS_FIELDS } from '../../../../src/impl/vmx/vmcs-fields.ts';
import { frameOf, hpa } from '../../../../src/units/address.ts';
import { BOCHS_DIFFERENCES } from './bochs-differences.ts';
import { OP, type VmxCase } from './case-program.ts';
import { GUEST_PDPT, VMCS_A, VMCS_B } from './profiles.ts';

const fieldOf = new Map(VMCS_FIELDS.map(field => [field.encoding, field]));

const exchanged = new Map(BOCHS_DIFFERENCES.filter(({ row }) => row !== 'added').map(one => [one.row, one]));

/** Our table with Bochs's rows: exchanged in place, or in the group that Bochs reports them with. */
const BOCHS_GROUPS: readonly EntryCheckGroup[] = ENTRY_CHECK_GROUPS.map(({ checks, failure }) => {
  const moved = BOCHS_DIFFERENCES.filter(one => one.failure !== undefined && isEqual(one.failure, failure));
  const kept = checks.filter(({ id }) => exchanged.get(id)?.failure === undefined);
  return {
    checks: [
      ...kept.map(check => ({ ...check, fails: exchanged.get(check.id)?.fails ?? check.fails })),
      ...moved.map(one => ({ id: one.row, section: one.section, rule: one.explanation, fails: one.fails })),
    ],
    failure,
  };
});

function isEqual(left: EntryCheckGroup['failure'], right: EntryCheckGroup['failure']): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Host-state area as the case hypervisor fills it; addresses of its own tables stand for any canonical ones. */
const HOST_STATE: Readonly<Record<string, bigint>> = {
  HOST_ES_SELECTOR: 0x10n,
  HOST_CS_SELECTOR: 0x08n,
  HOST_SS_SELECTOR: 0x10n,
  HOST_DS_SELECTOR: 0x10n,
  HOST_FS_SELECTOR: 0x10n,
  HOST_GS_SELECTOR: 0x10n,
  HOST_TR_SELECTOR: 0x18n,
  HOST_TR_BASE: 0x10_0000n,
  HOST_GDTR_BASE: 0x10_0000n,
  HOST_IDTR_BASE: 0x10_0000n,
  HOST_RSP: 0x9_0000n,
  HOST_RIP: 0x10_0000n,
  HOST_PAT: 0x0007_0406_0007_0406n,
  HOST_EFER: 0xd01n,
  HOST_CR0: 0x8000_0031n,
  HOST_CR3: 0x1000n,
  HOST_CR4: 0x2020n,
};

export interface HostedOutcome {
  /** As the transcripts write it: `z7`, `z8`, `x80000021 q4`; `entered` if all checks pass. */
  readonly text: string;
  /** The same with the rows that Bochs evaluates differently exchanged. */
  readonly asBochs: string;
  readonly first: FailedEntryCheck | undefined;
  readonly failed: readonly FailedEntryCheck[];
}

/** Applies a case's writes to a VMCS of our own and evaluates the entry checks, without executing any instruction. */
export class HostedCases {
  readonly #memory = new PhysicalMemory();
  readonly #state: EntryState;
  readonly #slot: number;
  readonly #revision: number;
  readonly #clean: ReturnType<PhysicalMemory['snapshot']>;

  constructor(capabilities: VmxCapabilities) {
    this.#state = new EntryState(this.#memory, capabilities);
    this.#revision = capabilities.revision;
    this.#slot = this.#memory.slotOf(frameOf(hpa(VMCS_A)));
    for (const address of [VMCS_A, VMCS_B]) this.#memory.writePair(hpa(address), this.#revision, 0);
    this.#memory.writePair(hpa(GUEST_PDPT), 0x3_6001, 0);
    for (const [name, value] of Object.entries(HOST_STATE)) this.#write(vmcsWord(name), value);
    this.#clean = this.#memory.snapshot();
  }

  evaluate(one: VmxCase, processor: EntryProcessor = { isLongMode: true, isX2apic: false }): HostedOutcome {
    this.#memory.restore(this.#clean);
    for (const { kind, a, b } of [...one.lists.flatMap(list => list.ops), ...one.ops]) {
      if (kind === OP.poke) this.#memory.writePair(hpa(a), Number(b & 0xffff_ffffn), Number(b >> 32n));
      if (kind !== OP.vmwrite) continue;
      const field = fieldOf.get(a)!;
      this.#write(vmcsWord(field.name), BigInt.asUintN(field.width, b));
    }
    this.#state.begin(this.#slot, processor);
    const first = failedEntryCheck(this.#state);
    return {
      text: outcomeText(first),
      asBochs: outcomeText(failedEntryCheck(this.#state, BOCHS_GROUPS)),
      first,
      failed: failedEntryChecks(this.#state),
    };
  }

  #write(word: number, value: bigint): void {
    this.#memory.writeWord(this.#slot, word, Number(value & 0xffff_ffffn));
    this.#memory.writeWord(this.#slot, word + 1, Number(value >> 32n));
  }
}

function outcomeText(failed: FailedEntryCheck | undefined): string {
  if (failed === undefined) return 'entered';
  if ('error' in failed.failure) return `z${failed.failure.error}`;
  const { qualification } = failed.failure;
  return qualification === 0 ? 'x80000021' : `x80000021 q${qualification}`;
}

/** What a transcript line says about the entry, in the same words; MSR-load failures come after all checks. */
export function entryOutcome(line: string): string {
  const failed = /^(z\d+|cf)/.exec(line);
  if (failed !== null) return failed[0];
  return /^x80000021( q\d)?/.exec(line)?.[0] ?? 'entered';
}
