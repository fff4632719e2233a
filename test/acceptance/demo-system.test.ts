import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SKIP_REASON, sharedPath } from '../policy/shared-files.ts';
import { checkPolicyFile, editedPolicy, type PropertyRow } from './report.ts';

const DEMO = fileURLToPath(sharedPath('golden/systems/demo_system_vtd--qemu-kvm/policy_b.xml'));
const REFINEMENT = ['scheduling/step-refinement', 'events/interleaved-refinement', 'interrupts/step-refinement'];

const withoutTimes = (row: PropertyRow | undefined): unknown => ({ ...row, durationMs: 0 });

describe.skipIf(!existsSync(DEMO))(`the real 15-subject demo system (${SKIP_REASON})`, () => {
  test('holds every property, with the promised numbers, the same for any number of jobs', {
    timeout: 400_000,
  }, async () => {
    const two = await checkPolicyFile(DEMO, ['--jobs', '2']);
    expect(two.code).toBe(0);
    const row = (id: string) => two.report.properties.find(property => property.id === id);
    for (const id of [
      'isolation/subject-page-tables',
      'isolation/kernel-page-tables',
      'isolation/sharing-is-explained',
    ]) {
      expect(row(id)?.verdict, id).toBe('proved');
    }
    for (const id of [...REFINEMENT, 'isolation/noninterference']) expect(row(id)?.verdict, id).toBe('tested');
    const steps = REFINEMENT.reduce((sum, id) => sum + (row(id)?.steps ?? 0), 0);
    expect(steps).toBeGreaterThanOrEqual(100_000);
    const pairs = row('isolation/noninterference')?.pairs ?? [];
    expect(pairs).toHaveLength(15 * 14);
    for (const pair of pairs) {
      if (pair.excluded === undefined)
        expect(pair.effectiveRuns, `${pair.high} -> ${pair.low}`).toBeGreaterThanOrEqual(20);
      else expect(pair.excluded).not.toContain('no effective run');
    }
    for (const property of two.report.properties) {
      for (const [witness, count] of Object.entries(property.witnesses))
        expect(count, `${property.id} ${witness}`).toBeGreaterThan(0);
    }
    // The rest of the comparison would cost as much again, and runs on the small scenarios (test/cli).
    const some = ['isolation/noninterference', 'channels/muchannel-refinement', 'events/every-point'];
    const one = await checkPolicyFile(DEMO, ['--jobs', '1', ...some.flatMap(id => ['--property', id])]);
    for (const id of some)
      expect(withoutTimes(one.report.properties.find(property => property.id === id))).toEqual(withoutTimes(row(id)));
  });

  const anchor = /( *<memory [^>]*physical="vt\|stack"[^>]*\/>\n)/;
  const mapInVt = (physical: string, writable: boolean) => (text: string) =>
    text.replace(
      anchor,
      `$1    <memory executable="false" logical="stolen" physical="${physical}" virtualAddress="16#0000_6000#" writable="${writable}"/>\n`,
    );
  const edits: readonly (readonly [string, (text: string) => string, string])[] = [
    ["maps another's private memory writable", mapInVt('time|data', true), 'logical="stolen"'],
    ["maps another's private memory read-only", mapInVt('time|data', false), 'logical="stolen"'],
    ['is a second writer of a channel', mapInVt('testchannel_1', true), 'logical="stolen"'],
    [
      'reads a channel through a mapping that became writable',
      text =>
        text.replace(/(physical="virtual_input_1" virtualAddress="16#0001_0000_0000#" writable=)"false"/, '$1"true"'),
      'physical="virtual_input_1" virtualAddress="16#0001_0000_0000#" writable="true"',
    ],
  ];

  test.each(edits)('a subject that %s is refuted, with the line named', async (_, edit, mark) => {
    const { path, text } = editedPolicy(DEMO, edit);
    const line = text.slice(0, text.indexOf(mark)).split('\n').length;
    const { code, report } = await checkPolicyFile(path, ['--property', 'isolation/sharing-is-explained']);
    expect([1, 3]).toContain(code);
    const named = [
      ...report.findings.filter(finding => finding.severity === 'error').map(finding => finding.line),
      ...report.properties.flatMap(property => property.counterexample?.outcome.policyLines ?? []),
    ];
    expect(named).toContain(line);
  });
});
