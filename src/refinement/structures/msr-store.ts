import type { PhysicalMemory } from '../../impl/memory.ts';
import { readMsrArea } from '../../impl/vmx/msr-area.ts';
import { storedMsrGrants } from '../../model/msr-grants.ts';
import type { PolicyDocument, Subject } from '../../policy/document.ts';
import { hpa } from '../../units/address.ts';
import { hex, regionAddress, type StructureDifference, type StructureReport, structureReport } from './report.ts';

/** MSRs that an MSR area must not name: VM entry fails (SDM Vol. 3C, "Loading MSRs"). */
const isRefused = (msr: number): boolean =>
  msr === 0xc000_0100 || msr === 0xc000_0101 || (msr >= 0x800 && msr <= 0x8ff);

/** Compares the MSR store of a subject with the MSRs that it may write and that nothing else switches. */
export function checkMsrStore(memory: PhysicalMemory, document: PolicyDocument, subject: Subject): StructureReport {
  const area = regionAddress(document, `${subject.name}|msrstore`);
  const expected = storedMsrGrants(subject);
  const who = `subject '${subject.name}'`;
  if (area === undefined) {
    const differences = expected.map(({ msr, line }) => ({
      kind: 'not-switched',
      message: `${who}: MSR ${hex(msr)} is writable but there is no MSR store (policy line ${line})`,
      policyLines: [line],
    }));
    return structureReport(differences, { entries: 0, tables: 0, seen: {} });
  }
  const entries = readMsrArea(memory, area, expected.length);
  const differences: StructureDifference[] = [];
  for (const { msr, line } of expected) {
    const count = entries.filter(entry => entry.msr === msr).length;
    if (count === 1) continue;
    const how =
      count === 0
        ? 'is not in the MSR store, so its value leaks to the next subject'
        : `is ${count} times in the MSR store`;
    const message = `${who}: MSR ${hex(msr)}, which the policy lets it write (policy line ${line}), ${how}`;
    differences.push({ kind: 'not-switched', message, policyLines: [line], entry: area });
  }
  for (const { msr, reserved, low, high, entryAddress } of entries) {
    const add = (kind: string, what: string): void => {
      differences.push({
        kind,
        message: `${who}: MSR store entry ${(entryAddress - area) / 16} ${what}`,
        policyLines: [subject.at.line],
        entry: hpa(entryAddress),
      });
    };
    if (!expected.some(candidate => candidate.msr === msr))
      add(
        'not-granted',
        `names MSR ${hex(msr)}${isRefused(msr) ? ', which VM entry refuses' : ', which the policy does not let the subject write'}`,
      );
    if (reserved !== 0) add('malformed-entry', `has reserved bits ${hex(reserved)}, which VM entry refuses`);
    if (low !== 0 || high !== 0) add('initial-value', 'does not start with the value 0');
  }
  return structureReport(differences, { entries: entries.length, tables: 1, seen: { 'stored-msr': entries.length } });
}
