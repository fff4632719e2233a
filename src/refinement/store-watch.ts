import type { Cpu } from '../impl/cpu.ts';
import type { System } from '../impl/system.ts';
import { subjectGrants } from '../model/grants.ts';
import type { PolicyDocument, Subject } from '../policy/document.ts';
import { formatAddress, frameBase, PAGE_SIZE_BYTES } from '../units/address.ts';

/** Frames [first, end) that a subject may write. */
type Range = readonly [first: number, end: number];

function writableRanges(document: PolicyDocument, subject: Subject): readonly Range[] {
  // A sibling runs on the tables of its origin.
  const origin = document.subjects.find(row => row.name === subject.siblingOf);
  const holders = origin === undefined ? [subject] : [subject, origin];
  return holders
    .flatMap(holder => subjectGrants(document, holder))
    .filter(grant => grant.writable)
    .map(grant => [grant.pa / PAGE_SIZE_BYTES, (grant.pa + grant.sizeBytes) / PAGE_SIZE_BYTES]);
}

/** Frames in which the processor itself keeps accessed and dirty bits while a subject's machine code runs. */
function tableRange(document: PolicyDocument, subject: Subject): readonly Range[] {
  return [subject.name, subject.siblingOf]
    .flatMap(name => document.memory.filter(row => row.type === 'system_pt' && row.name === `${name}|pt`))
    .map(row => [row.physicalAddress / PAGE_SIZE_BYTES, (row.physicalAddress + row.sizeBytes) / PAGE_SIZE_BYTES]);
}

/** Ranges of every subject of a policy, computed once. */
const known = new WeakMap<PolicyDocument, ReadonlyMap<string, readonly Range[]>>();

function rangesOf(document: PolicyDocument): ReadonlyMap<string, readonly Range[]> {
  const found =
    known.get(document) ??
    new Map(document.subjects.map(row => [row.name, [...writableRanges(document, row), ...tableRange(document, row)]]));
  known.set(document, found);
  return found;
}

/** Follows which frames change while a subject executes: only what the policy lets it write. */
export class StoreWatch {
  violation: { readonly what: string; readonly subject: string; readonly tsc: number } | undefined;
  /** Frames that subjects changed. */
  seen = 0;
  readonly #system: System;
  readonly #ranges: readonly (readonly Range[])[];

  constructor(system: System, document: PolicyDocument) {
    this.#system = system;
    const byName = rangesOf(document);
    this.#ranges = system.kernel.tables.subjects.map(row => byName.get(row.name) ?? []);
  }

  onOperation(cpu: Cpu, subject: number): void {
    const { memory, kernel } = this.#system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      // The processor itself keeps RIP and flags in the VMCS, and the MSRs that it stores at an exit.
      if (slot === cpu.vmcsSlot || slot === kernel.at.msrStoreSlots[subject]) continue;
      this.seen += 1;
      const frame = memory.frameOfSlot(slot);
      if (this.#ranges[subject]!.some(([first, end]) => frame >= first && frame < end)) continue;
      const { name } = kernel.tables.subjects[subject]!;
      const what = `${name} changes the frame at hpa ${formatAddress(frameBase(frame))}, which the policy does not let it write`;
      this.violation ??= { what, subject: name, tsc: cpu.tsc };
    }
  }
}
