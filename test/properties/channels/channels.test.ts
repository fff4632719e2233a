import { describe, expect, test } from 'vitest';
import { readerSurvivesHostileWriter } from '../../../properties/channels/hostile-writer.ts';
import { muchannelRefinement } from '../../../properties/channels/muchannel-refinement.ts';
import type { CheckContext } from '../../../src/engine/property.ts';
import type { ChannelOps } from '../../../src/impl/native/muchannel.ts';
import { channelOps } from '../../../src/impl/native/muchannel.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { goldenDocument, goldenMissing } from '../../impl/golden.ts';
import { failureOf, runAll, scenarioContext, seamsWith, seen, traceOf } from '../scenario-context.ts';

const RUNS = 48;
const properties = [muchannelRefinement, readerSurvivesHostileWriter];

describe.each(properties.map(property => [property.id, property] as const))('%s', (_id, property) => {
  test.each(['log-channel', 'log-proxy'])('holds on %s and sees what it must', scenario => {
    const context = scenarioContext(scenario, defaultSeams, RUNS);
    expect(property.notApplicable(context)).toBe('');
    const results = runAll(property, context);
    expect(failureOf(results)).toBeUndefined();
    for (const { id } of property.witnesses) expect(seen(results, id), id).toBeGreaterThan(0);
    expect(results.reduce((sum, { runs }) => sum + runs, 0)).toBe(RUNS);
  });

  test('does not apply where there is no channel', () => {
    expect(property.notApplicable(scenarioContext('two-subjects'))).toBe('the policy has no channel');
  });

  test('gives the same results twice', () => {
    const once = (): unknown => runAll(property, scenarioContext('log-channel', defaultSeams, 8));
    expect(once()).toEqual(once());
  });
});

describe('defects are found and their counterexamples replay', () => {
  const faults: readonly (readonly [string, Partial<ChannelOps>])[] = [
    ['commit before data', { writeOrder: () => ['announce', 'commit', 'data'] }],
    ['no check of WSC', { isOverrun: () => false }],
    ['wrong modulus', { elementIndex: (count, elements) => channelOps.elementIndex(count, elements + 1) }],
    ['epoch adopted from the second load', { adoptEpoch: (_seen, reread) => reread }],
    ['changed epoch not noticed', { hasEpochChanged: () => false }],
    ['no counting', { nextCount: count => count }],
  ];

  test.each(faults)('%s', (_name, channel) => {
    const context = scenarioContext('log-channel', seamsWith({ channel }));
    const failure = failureOf(runAll(muchannelRefinement, context));
    expect(failure).toBeDefined();
    const trace = traceOf(muchannelRefinement, failure!);
    const again: CheckContext = { ...context };
    expect(muchannelRefinement.replay(again, trace)).toEqual(failure!.outcome);
    expect(muchannelRefinement.replay(scenarioContext('log-channel'), trace)).toBeUndefined();
    expect(failure!.outcome.explanation.length).toBeGreaterThan(2);
    expect(failure!.outcome.digests.length).toBeGreaterThan(0);
  });

  test('a reader that leaves its channel under attack', () => {
    const channel = { elementIndex: (count: { readonly low: number }) => count.low % 1024 };
    const context = scenarioContext('log-channel', seamsWith({ channel }));
    const failure = failureOf(runAll(readerSurvivesHostileWriter, context));
    expect(failure?.outcome.summary).toMatch(/loads 8 bytes at offset/);
    const trace = traceOf(readerSurvivesHostileWriter, failure!);
    expect(readerSurvivesHostileWriter.replay({ ...context }, trace)).toEqual(failure!.outcome);
  });
});

describe.skipIf(goldenMissing !== '')('on systems of the real toolchain', () => {
  test.each(['hand/h02_2cpu_channel_events', 'hand/h03b_log_flat_maps'])('%s', folder => {
    const document = goldenDocument(folder);
    const context: CheckContext = { ...scenarioContext('log-channel', defaultSeams, 32), document, software: [] };
    for (const property of properties) {
      expect(property.notApplicable(context)).toBe('');
      expect(failureOf(runAll(property, context))).toBeUndefined();
    }
    expect(seen(runAll(muchannelRefinement, context), 'delivered')).toBeGreaterThan(0);
  });

  test('a system without channels is left out', () => {
    const document = goldenDocument('hand/h01_minimal_1cpu');
    const context: CheckContext = { ...scenarioContext('log-channel'), document, software: [] };
    expect(muchannelRefinement.notApplicable(context)).toBe('the policy has no channel');
  });
});
