import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SKIP_REASON, sharedPath } from '../policy/shared-files.ts';
import { checkPolicyFile } from './report.ts';

const HAND = fileURLToPath(sharedPath('golden/hand/'));
const SYSTEMS = fileURLToPath(sharedPath('golden/systems/'));

/** What each small system gives: exit code, codes of the errors, and why. */
const TABLE: Readonly<
  Record<string, { readonly code: number; readonly errors: readonly string[]; readonly why: string }>
> = {
  h01_minimal_1cpu: { code: 0, errors: [], why: 'valid' },
  h02_2cpu_channel_events: { code: 0, errors: [], why: 'valid' },
  h02v_dup_vector: {
    code: 3,
    errors: ['EVT-VECTOR-COLLISION'],
    why: 'two events inject the same vector into one subject, which cannot tell them; the real validator accepts it',
  },
  h03b_log_flat_maps: { code: 0, errors: [], why: 'valid' },
  h04_vm_monitor_group: { code: 0, errors: [], why: 'valid' },
  h04v_domain_va_overlap: {
    code: 3,
    errors: ['DOM-VIRTUAL-OVERLAP'],
    why: 'two regions at one address of a device domain',
  },
  h04v_nic_two_domains: { code: 3, errors: ['DOM-DEVICE-UNIQUE'], why: 'one device in two device domains' },
  h04v_no_domain: {
    code: 0,
    errors: [],
    why: 'a PCI device without a domain cannot reach memory by DMA; the real validator accepts it too',
  },
  h04v_switch_cross_group: {
    code: 3,
    errors: ['EVT-SWITCH', 'MEM-MONITOR'],
    why: 'handover to another scheduling group, and a writable monitor there',
  },
  h05_multiframe: { code: 0, errors: [], why: 'valid' },
  h06_devices: { code: 0, errors: [], why: 'valid' },
  h06v_dup_dev: { code: 3, errors: ['DEV-IRQ-UNIQUE'], why: 'one interrupt assigned to two subjects' },
  h06v_msr: { code: 3, errors: ['MSR-ALLOWED'], why: 'x2APIC registers given to a subject' },
  h06v_serial_diag: {
    code: 0,
    errors: [],
    why: "the kernel's serial port given to a subject: the real validator accepts it, and I/O bitmaps are not compared yet",
  },
  h06v_vpid_off: { code: 0, errors: [], why: 'valid' },
};

/** The properties that judge a policy rather than one scenario's software, with one run each: `demo-system.test.ts` has the full budget. */
const BRIEF = [
  '--runs',
  '1',
  '--property',
  'isolation/*',
  '--property',
  'scheduling/step-refinement',
  '--property',
  'events/interleaved-refinement',
];

const hasPolicy = (folder: string): boolean => existsSync(`${folder}/policy_b.xml`);

describe.skipIf(!existsSync(HAND))(`the small systems written by hand (${SKIP_REASON})`, () => {
  test('are all in the table', () => {
    expect(readdirSync(HAND).filter(name => hasPolicy(`${HAND}${name}`))).toEqual(Object.keys(TABLE));
  });

  test.each(Object.entries(TABLE))('%s', async (name, expected) => {
    const { code, report } = await checkPolicyFile(`${HAND}${name}/policy_b.xml`, BRIEF);
    expect(code, expected.why).toBe(expected.code);
    const errors = new Set(
      report.findings.filter(finding => finding.severity === 'error').map(finding => finding.code),
    );
    expect([...errors].sort()).toEqual(expected.errors);
  });
});

describe.skipIf(!existsSync(SYSTEMS))(`the real systems (${SKIP_REASON})`, () => {
  // The form for qemu-kvm is checked whole by `demo-system.test.ts`.
  const others = existsSync(SYSTEMS) ? readdirSync(SYSTEMS).filter(name => name !== 'demo_system_vtd--qemu-kvm') : [];
  test.each(others)('%s holds every property', { timeout: 300_000 }, async name => {
    const { code, report } = await checkPolicyFile(`${SYSTEMS}${name}/policy_b.xml`, BRIEF);
    expect(
      report.properties.filter(
        property => !['proved', 'exhausted', 'tested', 'not-applicable'].includes(property.verdict),
      ),
    ).toEqual([]);
    expect(code).toBe(0);
  });
});
