import type { Cpu } from '../../src/impl/cpu.ts';
import { subjectGrants } from '../../src/model/grants.ts';
import type { PolicyDocument, Subject } from '../../src/policy/document.ts';
import { formatAddress, frameBase, PAGE_SIZE_BYTES } from '../../src/units/address.ts';
import { invariantProperty, type Watch } from '../invariant-property.ts';
import type { Workbench } from '../workbench.ts';

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

class StoreWatch implements Watch {
  violation: Watch['violation'];
  seen = 0;
  readonly #found: Workbench;
  readonly #ranges: readonly (readonly Range[])[];

  constructor(document: PolicyDocument, found: Workbench) {
    this.#found = found;
    const byName = new Map(document.subjects.map(subject => [subject.name, writableRanges(document, subject)]));
    this.#ranges = found.bench.system.kernel.tables.subjects.map(row => byName.get(row.name) ?? []);
  }

  onOperation(cpu: Cpu, subject: number): void {
    const { memory, kernel } = this.#found.bench.system;
    for (let index = 0; index < memory.touchedCount; index++) {
      const slot = memory.touchedSlot(index);
      // The processor itself keeps RIP and flags in the VMCS.
      if (slot === cpu.vmcsSlot) continue;
      this.seen += 1;
      const frame = memory.frameOfSlot(slot);
      if (this.#ranges[subject]!.some(([first, end]) => frame >= first && frame < end)) continue;
      const name = kernel.tables.subjects[subject]!.name;
      const what = `${name} changes the frame at hpa ${formatAddress(frameBase(frame))}, which the policy does not let it write`;
      this.violation ??= { what, subject: name, tsc: cpu.tsc };
    }
  }
}

/** Stores as they happen, through the tables and the processor that translates by them. */
export const storesConfined = invariantProperty({
  id: 'isolation/stores-confined',
  area: 'isolation',
  claim: 'What a subject stores changes only memory that the policy lets it write.',
  killedBy: ['write-as-read'],
  witness: { id: 'store', description: 'a subject changed memory' },
  premise: 'Let a subject store to whatever address it likes.',
  mix: {
    read: 2,
    write: 40,
    probe: 10,
    vmcall: 4,
    undeclared: 0,
    userVmcall: 0,
    trap: 2,
    xsetbv: 0,
    unknownExit: 0,
    timedEvent: 4,
    hlt: 0,
    rdtsc: 0,
    load: 0,
    sti: 1,
    cli: 1,
    nop: 1,
    stop: 1,
    fpu: 0,
    msr: 0,
    port: 0,
    controlRegister: 0,
  },
  watch: (context, found) => new StoreWatch(context.document, found),
});
