import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import { pageTableBytes } from '../../src/policy/page-table-size.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { indexOf } from '../../src/policy/policy-index.ts';
import { domainAddressBits, domainSpace, kernelSpace, subjectSpace } from '../../src/policy/rules/address-spaces.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import {
  errorCodes,
  findingsOf,
  hasShared,
  parsed,
  SKIP_REASON,
  sharedBytes,
  sharedJson,
  sharedPath,
} from './shared-files.ts';

const folders = (path: string): string[] =>
  hasShared ? readdirSync(sharedPath(path)).filter(name => existsSync(sharedPath(`${path}/${name}/policy_b.xml`))) : [];

describe.skipIf(!hasShared)(`real systems (${SKIP_REASON})`, () => {
  it('finds all seven', () => {
    expect(folders('golden/systems')).toHaveLength(7);
  });

  it.each(folders('golden/systems'))('%s satisfies all rules', name => {
    const { document, findings } = parsed(sharedBytes(`golden/systems/${name}/policy_b.xml`));
    const check = checkPolicy(document);
    expect([...findings, ...check.findings]).toEqual([]);
    expect(Object.values(check.examined).filter(count => count > 0).length).toBeGreaterThan(50);
  });

  it.each(folders('golden/systems'))('%s has page-table regions of exactly the computed size', name => {
    const index = indexOf(parsed(sharedBytes(`golden/systems/${name}/policy_b.xml`)).document);
    const levels = domainAddressBits(index) === 48 ? 4 : 3;
    const sizes = [
      ...index.activeCpus.map(cpu => [`kernel_${cpu}|pt`, pageTableBytes(kernelSpace(index, cpu).spans, 4)] as const),
      ...index.document.subjects
        .filter(subject => subject.siblingOf === undefined)
        .map(subject => [`${subject.name}|pt`, pageTableBytes(subjectSpace(index, subject.name).spans, 4)] as const),
      ...index.document.deviceDomains.map(
        ({ name: domain }) => [`vtd_${domain}_pt`, pageTableBytes(domainSpace(index, domain).spans, levels)] as const,
      ),
    ];
    expect(sizes.length).toBeGreaterThan(6);
    expect(sizes.map(([region]) => [region, index.regions.get(region)?.sizeBytes])).toEqual(
      sizes.map(([region, size]) => [region, size]),
    );
  });
});

/** Hand-written systems: which error codes they give, next to the real tool's verdict in hand/index.json. */
const HAND: Readonly<Record<string, { readonly codes: readonly string[]; readonly why: string }>> = {
  h04v_domain_va_overlap: { codes: ['DOM-VIRTUAL-OVERLAP'], why: 'two DMA mappings of one address' },
  h04v_nic_two_domains: { codes: ['DOM-DEVICE-UNIQUE'], why: 'a PCI device has one VT-d context' },
  h04v_switch_cross_group: { codes: ['MEM-MONITOR', 'EVT-SWITCH'], why: 'the monitor is in another scheduling group' },
  h02v_dup_vector: { codes: ['EVT-VECTOR-COLLISION'], why: 'the real validator does not look at vectors' },
  h06v_dup_dev: { codes: ['DEV-IRQ-UNIQUE'], why: 'one IRQ for two subjects' },
  h06v_msr: { codes: ['MSR-ALLOWED'], why: 'x2APIC MSRs for a subject' },
};

describe.skipIf(!hasShared)(`hand-written systems (${SKIP_REASON})`, () => {
  const verdicts = hasShared
    ? new Map(
        sharedJson<{ case: string; failsIn: string | null }[]>('golden/hand/index.json').map(entry => [
          entry.case,
          entry.failsIn,
        ]),
      )
    : new Map<string, string | null>();

  it('has every expected case', () => {
    expect(folders('golden/hand')).toEqual(expect.arrayContaining(Object.keys(HAND)));
  });

  it.each(folders('golden/hand'))('%s is judged as by the real validator', name => {
    const codes = errorCodes(findingsOf(sharedBytes(`golden/hand/${name}/policy_b.xml`)));
    expect(codes).toEqual(HAND[name]?.codes ?? []);
    const real = new Set(RULES.flatMap(({ code, validator }) => (validator === undefined ? [] : [code])));
    expect(codes.some(code => real.has(code))).toBe(verdicts.get(name) === 'mucfgvalidate');
  });
});

interface ValidatorEntry {
  readonly file: string;
  readonly verdict: 'schema' | 'invalid' | 'valid';
  readonly errors: readonly string[];
}

/** Errors in files that the real validator calls valid, and why ours finds more. */
const STRICTER: Readonly<Record<string, { readonly codes: readonly string[]; readonly why: string }>> = {
  'muen/2024-11/tools/mucfgvalidate/data/test_policy.xml': {
    codes: ['MEM-INSIDE-HARDWARE', 'KRN-TEXT-WRITABLE', 'KRN-CONTROLLERS', 'VCPU-VMXE'],
    why: 'its crash audit page lies in no memory block (the real check only compares total sizes, the real allocator refuses it), its kernel maps its text writable and no I/O APIC, and its only subject never starts',
  },
};

describe.skipIf(!hasShared)(`files that the real validator judged (${SKIP_REASON})`, () => {
  const entries = hasShared ? sharedJson<ValidatorEntry[]>('golden/validator/format-b-files.json') : [];
  const of = (verdict: string) => entries.filter(entry => entry.verdict === verdict).map(entry => entry.file);

  it('has files of every verdict', () => {
    expect(['schema', 'invalid', 'valid'].map(verdict => of(verdict).length > 0)).toEqual([true, true, true]);
  });

  it.each(of('schema'))('%s is refused by the parser', file => {
    const result = parsePolicy(sharedBytes(file));
    if (result.ok) throw new Error('accepted');
    expect(errorCodes(result.error)).not.toEqual([]);
    expect(result.error.every(finding => finding.code.startsWith('POL-'))).toBe(true);
  });

  it.each(of('invalid'))('%s fits the schema and breaks rules', file => {
    const { document } = parsed(sharedBytes(file));
    expect(errorCodes(checkPolicy(document).findings)).not.toEqual([]);
  });

  it.each(of('valid'))('%s has no errors but the explained ones', file => {
    const { document } = parsed(sharedBytes(file));
    expect(errorCodes(checkPolicy(document).findings)).toEqual(STRICTER[file]?.codes ?? []);
  });

  it('finds the four errors of the check library test policy, and memory outside the hardware', () => {
    const findings = findingsOf(sharedBytes('muen/2024-11/tools/libmucfgcheck/data/test_policy.xml'));
    const errors = findings.filter(finding => finding.severity === 'error' && finding.code !== 'MEM-INSIDE-HARDWARE');
    expect(errors.map(finding => finding.code)).toEqual(['MEM-OVERLAP', 'MEM-OVERLAP', 'DOM-PT', 'DOM-PT']);
    const real = entries.find(entry => entry.file.endsWith('libmucfgcheck/data/test_policy.xml'))!.errors;
    expect(real).toHaveLength(4);
    const named = (text: string) => [...text.matchAll(/'([^']+)'/g)].map(match => match[1]!.replace(/^vtd_|_pt$/g, ''));
    for (const [position, message] of real.entries()) {
      expect(named(errors[position]!.message)).toEqual(expect.arrayContaining(named(message)));
    }
  });

  it('names the subject that the command generator policy lacks', () => {
    const findings = findingsOf(sharedBytes('muen/2024-11/tools/mugentau0cmds/data/test_policy.xml'));
    expect(findings.find(finding => finding.code === 'SCHED-REFERENCE')?.message).toContain(
      "'ps2_drv', which does not exist",
    );
  });
});

describe.skipIf(!hasShared)(`policies of other eras (${SKIP_REASON})`, () => {
  it.each([
    ['golden/systems/demo_system_vtd--qemu-kvm/policy_src.xml', 'POL-FORMAT'],
    ['golden/systems/demo_system_vtd--qemu-kvm/policy_with_comp.xml', 'POL-FORMAT'],
    ['golden/systems/demo_system_vtd--qemu-kvm/policy_a.xml', 'POL-FORMAT'],
  ])('%s is %s', (file, code) => {
    expect(errorCodes(findingsOf(sharedBytes(file)))).toEqual([code]);
  });

  it('accepts the policy with memory hashes', () => {
    const { document } = parsed(sharedBytes('golden/systems/demo_system_vtd--qemu-kvm/policy_b_hashed.xml'));
    expect(document.memory.filter(region => /^[0-9a-f]{64}$/.test(region.hash ?? '')).length).toBeGreaterThan(50);
  });
});

describe.skipIf(!hasShared)(`speed (${SKIP_REASON})`, () => {
  it('reads and checks 480 KB in less than 300 ms of CPU time', () => {
    const bytes = sharedBytes('golden/systems/demo_system_vtd--kontron-ktqm77/policy_b.xml');
    const times = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      findingsOf(bytes);
      return process.cpuUsage(before).user / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(300);
  });
});
