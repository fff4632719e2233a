import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findScenario } from '../../scenarios/index.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import { exitCells } from '../../src/fuzz/exit-cells.ts';
import { exitTable } from '../../src/fuzz/exit-table.ts';
import { ALONE, type FuzzInput } from '../../src/fuzz/fuzz-input.ts';
import { FuzzTarget } from '../../src/fuzz/fuzz-target.ts';
import { sweepInputs } from '../../src/fuzz/mutate.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { EXIT_REASONS } from '../../src/impl/vmx/exit-reasons.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const scenario = findScenario('machine-code');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario machine-code');
const { policyPath, software } = scenario.value;
const bytes = readFileSync(policyPath);
const parsed = parsePolicy(bytes);
if (!parsed.ok) throw new Error(policyPath);
const { document } = parsed.value;

describe('the exit coverage table', () => {
  it('has every reason of the manual for every subject, with what keeps it from being reached', () => {
    const rows = exitTable(document, (subject, reason) => (reason === 10 && subject === 'program' ? 3 : 0));
    expect(rows).toHaveLength(60);
    expect(rows.filter(({ done, possible, why }) => done < possible && why === '')).toEqual([]);
    expect(rows[10]).toMatchObject({ name: 'CPUID', reached: 3, possible: 5, done: 1 });
    expect(rows[12]).toMatchObject({ possible: 0, why: 'HLTExiting is 0' });
    expect(exitCells(document, () => 0)).toHaveLength(60 * document.subjects.length);
  });

  it('is reached by the sweep that a campaign starts with', {
    timeout: 300_000,
  }, () => {
    const created = FuzzTarget.create({
      document,
      policyText: bytes.toString(),
      policyPath,
      policySha256: '',
      seams: defaultSeams,
      seed: 1,
      budget: { name: 'smoke' },
      software,
    });
    if (!created.ok) throw new Error(created.error);
    const { attackers } = created.value;
    const campaign = new Campaign({ target: 'guest', strategy: 'coverage-guided', seed: 1 }, attackers);
    for (const input of sweepInputs(attackers)) campaign.merge(input, created.value.execute(input));
    // An interrupt that nobody asked for may reach any subject.
    for (const { subject } of attackers) {
      const interrupts = Array.from({ length: 16 }, (_, index) => index * 0x1000_0001);
      const input: FuzzInput = { kind: 'guest', subject, words: [], around: { ...ALONE, interrupts } };
      campaign.merge(input, created.value.execute(input));
    }
    expect(campaign.findings.size).toBe(0);
    const unreached = exitCells(document, (subject, reason) => campaign.exitsOf(reason, subject)).filter(
      ({ reached, impossible }) => reached === 0 && impossible === '',
    );
    expect(unreached.map(({ subject, reason }) => `${subject} ${reason}`)).toEqual([]);
    // What is called impossible was not seen to happen.
    const wrong = exitCells(document, (subject, reason) => campaign.exitsOf(reason, subject)).filter(
      ({ reached, impossible }) => reached > 0 && impossible !== '',
    );
    expect(wrong).toEqual([]);
  });
});

const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
/** Every allocated policy of which there are tables. */
const SYSTEMS = existsSync(GOLDEN)
  ? ['hand', 'systems'].flatMap(folder =>
      readdirSync(new URL(`${folder}/`, GOLDEN))
        .map(name => `${folder}/${name}`)
        .filter(path =>
          ['kernel_tables.json', 'policy_b.xml'].every(name => existsSync(new URL(`${path}/${name}`, GOLDEN))),
        )
        .sort(),
    )
  : [];
/** Actions of the generated kernel specification that stand for an event of the policy. */
const isEvent = (action: string): boolean => action === 'No_Action';

describe.skipIf(!existsSync(GOLDEN))('the actions of the table, compared with the real trap tables', () => {
  it.each(SYSTEMS)('of %s', system => {
    const golden = JSON.parse(readFileSync(new URL(`${system}/kernel_tables.json`, GOLDEN), 'utf8'));
    const policy = parsePolicy(readFileSync(new URL(`${system}/policy_b.xml`, GOLDEN)));
    if (!policy.ok) throw new Error(system);
    const { subjects } = policy.value.document;
    let compared = 0;
    for (const { subject, reason, action } of exitCells(policy.value.document, () => 0)) {
      const { globalId } = subjects.find(({ name }) => name === subject)!;
      const traps = golden.events.Subject_Events[globalId].Source_Traps;
      const trap = traps[reason] ?? traps.others;
      const isTrap = ['trap', 'trap-or-fatal'].includes(EXIT_REASONS[reason]!.action);
      if (!isTrap) continue;
      compared += 1;
      const real = isEvent(trap.Source_Action) ? (trap.Handover === 'True' ? 'switch' : 'async') : trap.Source_Action;
      expect(action.toLowerCase(), `${subject} ${reason}`).toBe(real.toLowerCase());
    }
    expect(compared).toBeGreaterThan(40);
  });
});
