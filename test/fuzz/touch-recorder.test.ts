import { expect, it } from 'vitest';
import { FAULTS } from '../../src/faults/index.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import { systemDigest } from '../../src/impl/create-system.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { targetOf } from './executions-to-kill.ts';
import { TouchRecorder } from './touch-recorder.ts';

/** A function of the kernel, one that only answers, and a hook of the processor. */
const FAULT_IDS = ['xsetbv-unchecked', 'hypercall-number-truncated', 'guest-io-bitmap-b'];
const INPUTS = 12;

it('takes only executions for untouched that have the same course with the fault', () => {
  const faults = FAULTS.filter(({ id }) => FAULT_IDS.includes(id));
  const recorder = new TouchRecorder(faults);
  const faultless = targetOf('machine-code', recorder.seams);
  const faulty = faults.map(fault => targetOf('machine-code', fault.apply(defaultSeams)));
  const campaign = new Campaign({ target: 'guest', strategy: 'structured', seed: 4 }, faultless.attackers);
  const touched = faults.map(() => 0);
  for (const input of campaign.nextRound().slice(0, INPUTS)) {
    recorder.begin();
    const expected = faultless.executeOnce(input);
    faulty.forEach((target, index) => {
      if (recorder.isTouched(index)) {
        touched[index]! += 1;
        return;
      }
      expect(target.executeOnce(input)).toEqual(expected);
      expect(systemDigest(target.bench.system)).toBe(systemDigest(faultless.bench.system));
    });
  }
  expect(Math.max(...touched)).toBeGreaterThan(0);
  expect(Math.max(...touched)).toBeLessThan(INPUTS);
});
