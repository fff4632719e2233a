import type { MsrRange } from './document.ts';
import type { IntentFacts, IntentFinding } from './intent-facts.ts';
import { finding } from './intent-facts.ts';
import { quoted, say } from './intent-text.ts';
import { PLATFORM_MSRS } from './rules/msrs.ts';

interface MsrUser {
  readonly subject: string;
  readonly family: string;
  readonly range: MsrRange;
}

const hex = (msr: number): string => `0x${msr.toString(16)}`;

/**
 * Platform-wide MSRs (thermal, power limits) that one subject writes and another one reads or writes: the kernel does not
 * switch them, so they are memory that both share. Siblings are one party.
 */
export function findSharedMsrs(facts: IntentFacts): IntentFinding[] {
  const users = [...facts.subjects.values()].flatMap(subject =>
    subject.vcpu.msrs.map((range): MsrUser => ({ subject: subject.name, family: facts.familyOf(subject.name), range })),
  );
  const findings: IntentFinding[] = [];
  for (const msr of PLATFORM_MSRS) {
    const using = users.filter(({ range }) => range.start <= msr && msr <= range.end);
    const writer = using.find(({ range }) => range.mode !== 'r');
    const other = writer && using.find(({ family }) => family !== writer.family);
    if (writer === undefined || other === undefined) continue;
    const access = other.range.mode === 'r' ? 'reads' : 'writes';
    const message = say`subject ${quoted(writer.subject)} writes the platform-wide MSR ${hex(msr)} (${writer.range.at}), and ${quoted(other.subject)} ${access} it (${other.range.at})`;
    findings.push(finding('INTENT-MSR-SHARED', other.range.at, message));
  }
  return findings;
}
