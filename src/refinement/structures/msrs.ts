import type { PhysicalMemory } from '../../impl/memory.ts';
import { isMsrTrapped, type MsrAccess } from '../../impl/vmx/msr-bitmap-walk.ts';
import { type MsrGrant, msrGrants } from '../../model/msr-grants.ts';
import type { PolicyDocument, Subject } from '../../policy/document.ts';
import { hpa } from '../../units/address.ts';
import {
  hexRange,
  regionAddress,
  type StructureDifference,
  type StructureReport,
  stretches,
  structureReport,
} from './report.ts';

/** First MSR of each range that a bitmap covers, and the byte of its part of the page for reads. */
const RANGES = [
  { base: 0, offset: 0 },
  { base: 0xc000_0000, offset: 1024 },
] as const;
const RANGE_MSRS = 0x2000;
const WRITE_OFFSET = 2048;

const isWithinRanges = (msr: number): boolean => RANGES.some(({ base }) => msr >= base && msr < base + RANGE_MSRS);

/** A grant that no bitmap can express: accesses exit whatever its bits are. */
function inexpressible(subject: Subject, grants: readonly MsrGrant[]): StructureDifference[] {
  return grants
    .filter(({ first, last }) => !isWithinRanges(first) || !isWithinRanges(last))
    .map(({ first, last, line }) => ({
      kind: 'not-open',
      message: `subject '${subject.name}': MSRs ${hexRange(first, last)} exit, because a bitmap covers 0 .. 0x1fff and 0xc0000000 .. 0xc0001fff only, although the policy grants them (policy line ${line})`,
      policyLines: [line],
    }));
}

/** Compares the MSR bitmap of a subject with the MSRs that the policy grants, for reads and writes separately. */
export function checkMsrs(memory: PhysicalMemory, document: PolicyDocument, subject: Subject): StructureReport {
  const bitmap = regionAddress(document, `${subject.name}|msrbm`) ?? hpa(0);
  const grants = msrGrants(subject);
  const differences: StructureDifference[] = inexpressible(subject, grants);
  let open = 0;
  for (const access of ['read', 'write'] as const satisfies readonly MsrAccess[]) {
    const granting = grants.filter(grant => grant[access]);
    for (const { base, offset } of RANGES) {
      const wrong = stretches(RANGE_MSRS, index => {
        const isOpen = !isMsrTrapped(memory, bitmap, base + index, access);
        if (isOpen) open += 1;
        const isGranted = granting.some(({ first, last }) => first <= base + index && base + index <= last);
        if (isOpen === isGranted) return '';
        return isOpen ? 'open' : 'closed';
      });
      for (const { first, last, what } of wrong) {
        const lines = grants.filter(grant => grant.first <= base + last && base + first <= grant.last);
        const where = lines.map(({ line }) => ` (policy line ${line})`).join('');
        const msrs = `subject '${subject.name}': MSRs ${hexRange(base + first, base + last)} ${what === 'open' ? 'can be' : 'cannot be'} ${access === 'read' ? 'read' : 'written'} without an exit`;
        const grant =
          lines.length > 0 && what === 'open' ? `, although the policy grants another access only${where}` : '';
        differences.push({
          kind: what === 'open' ? 'not-granted' : 'not-open',
          message:
            what === 'open'
              ? `${msrs}${grant === '' ? ', although the policy does not grant it' : grant}`
              : `${msrs}, although the policy grants it${where}`,
          policyLines: lines.map(({ line }) => line),
          entry: hpa(bitmap + offset + (access === 'write' ? WRITE_OFFSET : 0) + (first >>> 3)),
        });
      }
    }
  }
  differences.sort((a, b) => Number(a.kind === 'not-open') - Number(b.kind === 'not-open'));
  return structureReport(differences, {
    entries: 4 * RANGE_MSRS,
    tables: 1,
    seen: { 'open-msr': open, 'closed-msr': 4 * RANGE_MSRS - open },
  });
}
