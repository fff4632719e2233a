import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../src/faults/index.ts';
import { Campaign, type CampaignSettings, groupOf } from '../../src/fuzz/campaign.ts';
import { entryText, readEntry, readState } from '../../src/fuzz/corpus-files.ts';
import type { FuzzTarget } from '../../src/fuzz/fuzz-target.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { targetOf } from './executions-to-kill.ts';
import { killCampaign } from './kill-campaign.ts';

function runCampaign(target: FuzzTarget, settings: CampaignSettings, rounds: number): Campaign {
  const campaign = new Campaign(settings, target.attackers);
  for (let round = 0; round < rounds; round++)
    for (const input of campaign.nextRound()) campaign.merge(input, target.execute(input));
  return campaign;
}

describe('a fuzzing campaign', () => {
  const target = targetOf('machine-code', defaultSeams);
  const guest: CampaignSettings = { target: 'guest', strategy: 'coverage-guided', seed: 5 };

  it('gives the same corpus and findings twice', () => {
    const first = runCampaign(target, guest, 2);
    const second = runCampaign(targetOf('machine-code', defaultSeams), guest, 2);
    expect(second.corpus).toEqual(first.corpus);
    expect([...second.exits]).toEqual([...first.exits]);
    expect(first.findings.size).toBe(0);
    expect(first.corpus.length).toBeGreaterThan(30);
  });

  it('executes an input in the same way whatever ran before', () => {
    const inputs = new Campaign({ ...guest, seed: 6 }, target.attackers).nextRound();
    const forwards = inputs.map(input => target.execute(input));
    const backwards = [...inputs].reverse().map(input => target.execute(input));
    expect(backwards.reverse()).toEqual(forwards);
  });

  it('goes on after a round as if it had not stopped', () => {
    const whole = runCampaign(target, guest, 2);
    const begun = runCampaign(target, guest, 1);
    const resumed = new Campaign(guest, target.attackers);
    resumed.resume({
      format: 'muencheck-fuzz',
      policySha256: '',
      ...guest,
      executions: begun.executions,
      kernelSteps: begun.kernelSteps,
      exits: [...begun.exits].flatMap(([subject, counts]) =>
        [...counts].map(([reason, count]) => ({ subject, reason, count })),
      ),
      findings: [],
    });
    for (const entry of begun.corpus) {
      const read = readEntry(entryText(entry));
      if (!read.ok) throw new Error(read.error);
      resumed.adopt(read.value, target.execute(read.value.input));
    }
    for (const input of resumed.nextRound()) resumed.merge(input, target.execute(input));
    expect(resumed.corpus).toEqual(whole.corpus);
    expect(resumed.exits).toEqual(whole.exits);
  });

  it('reaches exits by mutated state that no machine code reaches', () => {
    const campaign = runCampaign(target, { target: 'vm-exit', strategy: 'recorded', seed: 1 }, 3);
    expect(campaign.findings.size).toBe(0);
    // Start-up IPIs, I/O SMIs, other SMIs, RSM, invalid guest state, the monitor trap flag, APIC accesses.
    const reached = [4, 5, 6, 17, 33, 37, 44].filter(reason => campaign.exitsOf(reason) > 0);
    expect(reached).toContain(33);
    expect(reached.length).toBeGreaterThan(3);
  });

  it.each(['guest', 'vm-exit'] as const)('finds a seeded fault by %s', name => {
    const fault = FAULTS.find(({ id }) => id === 'vmcs-not-switched')!;
    const strategy = name === 'guest' ? 'structured' : 'recorded';
    const campaign = runCampaign(
      targetOf('machine-code', fault.apply(defaultSeams)),
      { target: name, strategy, seed: 1 },
      2,
    );
    expect(campaign.findings.size).toBeGreaterThan(0);
  });

  it('groups failures without their numbers and subjects', () => {
    expect(groupOf('RAX of guest is not 0x12')).toBe(groupOf('RAX of program is not 0x1f'));
  });

  it('refuses files that are not of its kind, with the place', () => {
    expect(
      readEntry('{"execution": 1, "newFeatures": 1, "input": {"kind": "guest", "subject": "a", "words": [-1]}}'),
    ).toMatchObject({
      ok: false,
      error: expect.stringContaining('$.input.words[0]'),
    });
    const triple =
      '{"execution":1,"newFeatures":1,"input":{"kind":"exits","subject":"a","exits":[{"reason":1,"qualification":0,"interruptInfo":0,"registers":[[1]],"fields":[]}]}}';
    expect(readEntry(triple).ok).toBe(false);
    expect(readState('[]').ok).toBe(false);
    expect(readEntry('not json').ok).toBe(false);
  });
});

describe('a campaign that is killed', () => {
  it('loses nothing that it had written, and ends as one that was not killed', { timeout: 120_000 }, async () => {
    const result = await killCampaign(2, 2, () => undefined);
    expect(result).toMatchObject({ kills: 2, lost: 0, leftBehind: 0, isEqual: true });
    expect(result.corpusFiles).toBeGreaterThan(30);
  });
});
