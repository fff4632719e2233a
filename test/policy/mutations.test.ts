import { describe, expect, it } from 'vitest';
import { errorCodes, findingsOf, hasShared, SKIP_REASON, sharedBytes, sharedJson } from './shared-files.ts';

interface Mutation {
  readonly nr: number;
  readonly mutation: string;
  readonly verdict: 'rejected' | 'accepted';
  readonly check: string;
}

/** Error codes for each corruption that the real validator rejects. */
const REJECTED: Readonly<Record<number, readonly string[]>> = {
  1: ['MEM-OVERLAP'],
  3: ['MEM-OVERLAP'],
  5: ['MEM-ADDRESS-ALIGNED', 'MEM-OVERLAP'],
  9: ['MEM-REFERENCE'],
  11: ['SUBJ-VIRTUAL-OVERLAP'],
  13: ['SUBJ-LOGICAL-UNIQUE'],
  15: ['MEM-TYPE-KERNEL', 'KRN-SECTIONS'],
  17: ['MEM-TYPE-SYSTEM'],
  19: ['MEM-MONITOR'],
  31: ['KRN-SUBJECT-PAGES'],
  33: ['KRN-SUBJECT-PAGES'],
  35: ['KRN-SECTIONS', 'KRN-STACK-GUARD'],
  37: ['KRN-SECTIONS'],
  39: ['REG-VMXON'],
  41: ['REG-VMXON'],
  43: ['MEM-OVERLAP', 'REG-VMCS'],
  45: ['REG-IOBM'],
  47: ['MEM-REFERENCE', 'REG-MSRSTORE'],
  51: ['REG-VTD'],
  53: ['MEM-REFERENCE', 'MEM-CRASH-AUDIT'],
  55: ['MEM-CRASH-AUDIT'],
  57: ['POL-RANGE'],
  59: ['EVT-EXITS-COMPLETE'],
  61: ['POL-RANGE'],
  63: ['EVT-ENDS'],
  65: ['EVT-NAME-UNIQUE'],
  67: ['EVT-IPI'],
  69: ['EVT-KERNEL-ACTION'],
  77: ['DEV-IRQ-UNIQUE', 'DEV-IRQ-OWNER'],
  81: ['DEV-PORT-UNIQUE'],
  83: ['HW-BLOCK-OVERLAP'],
  85: ['HW-IOMMU'],
  87: ['POL-RANGE'],
  91: ['SUBJ-VIRTUAL-OVERLAP'],
  93: ['DEV-REFERENCE'],
  95: ['DEV-PCI-REFERENCE'],
  99: ['MEM-TYPE-KERNEL', 'DOM-MEMORY-TYPE'],
  101: ['DOM-MEMORY-TYPE'],
  103: ['SCHED-TICKS'],
  105: ['SCHED-SYNC-POINTS'],
  107: ['SCHED-SYNC-POINTS'],
  109: ['SCHED-BARRIER-ID', 'SCHED-BARRIER-REFERENCE'],
  111: ['SCHED-AFFINITY'],
  113: ['SCHED-MEMBERSHIP', 'SCHED-RUNNABLE'],
  115: ['SUBJ-LOCAL-ID-UNIQUE', 'KRN-SUBJECT-PAGES', 'EVT-IPI', 'SCHED-MEMBERSHIP'],
  117: ['SCHED-MEMBERSHIP'],
  119: ['SCHED-ID-UNIQUE', 'MEM-SCHED-INFO', 'KRN-SUBJECT-PAGES'],
  121: ['POL-RANGE'],
  123: ['EVT-SWITCH'],
  125: ['SUBJ-LOCAL-ID-UNIQUE'],
  127: [
    'SUBJ-NAME-UNIQUE',
    'SCHED-REFERENCE',
    'MEM-MONITOR',
    'MEM-SCHED-INFO',
    'KRN-SUBJECT-PAGES',
    'SCHED-MEMBERSHIP',
  ],
  133: ['VCPU-PIN'],
  135: ['VCPU-PROC'],
  137: ['VCPU-PROC'],
  139: ['VCPU-PROC'],
  141: ['VCPU-EPT'],
  143: ['VCPU-PROC2'],
  145: ['VCPU-PROC2'],
  147: ['VCPU-EXIT'],
  151: ['VCPU-EXCEPTIONS'],
  155: ['MSR-ORDER'],
  163: ['POL-MISSING-ATTRIBUTE'],
  165: ['PLAT-DIAGNOSTICS'],
  175: ['SCHED-BARRIER-REFERENCE'],
  177: ['DEV-MSI-VECTORS'],
};

/** Corruptions that the real validator accepts and ours does not: nothing can be compiled from them. */
const STRICTER: Readonly<Record<number, { readonly codes: readonly string[]; readonly why: string }>> = {
  7: { codes: ['MEM-SIZE'], why: 'a mapping of an empty region has no pages' },
  131: { codes: ['VCPU-NATIVE'], why: 'VM entry of a native subject without paging fails' },
};

/** Corruptions that give a warning: the policy can be used, but the user should know. */
const WARNED: Readonly<Record<number, readonly string[]>> = {
  17: ['REG-PT-SIZE'],
  19: ['REG-PT-SIZE'],
  21: ['REG-PT-SIZE'],
  49: ['REG-PT-SIZE'],
  159: ['REG-PT-SIZE'],
  161: ['MEM-HASH-REFERENCE'],
};

describe.skipIf(!hasShared)(`corrupted policies (${SKIP_REASON})`, () => {
  const mutations = hasShared ? sharedJson<Mutation[]>('golden/mutations/index.json') : [];
  const file = (nr: number): string => `golden/mutations/${String(nr).padStart(3, '0')}.xml.gz`;

  it('has a row for each that the real validator rejects', () => {
    const rejected = mutations.filter(({ verdict }) => verdict === 'rejected').map(({ nr }) => nr);
    expect(Object.keys(REJECTED).map(Number)).toEqual(rejected);
    expect(mutations.length - rejected.length).toBe(23);
  });

  it.each(mutations.map(({ nr, verdict, mutation }) => [nr, verdict, mutation] as const))('%i %s: %s', nr => {
    const findings = findingsOf(sharedBytes(file(nr)));
    const warnings = [...new Set(findings.filter(({ severity }) => severity !== 'error').map(({ code }) => code))];
    expect(errorCodes(findings)).toEqual(REJECTED[nr] ?? STRICTER[nr]?.codes ?? []);
    expect(warnings).toEqual(WARNED[nr] ?? []);
    for (const finding of findings) expect([finding.line > 0, finding.column > 0]).toEqual([true, true]);
  });
});
