import { describe, expect, test } from 'vitest';
import { serverSurvivesHostileClient } from '../../../properties/proxies/hostile-client.ts';
import { logProxyRefinement } from '../../../properties/proxies/log-proxy-refinement.ts';
import type { ProxyOps } from '../../../src/impl/genode/log-ops.ts';
import { proxyOps } from '../../../src/impl/genode/log-ops.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { failureOf, runAll, scenarioContext, seamsWith, seen, traceOf } from '../scenario-context.ts';

const RUNS = 32;

describe.each([logProxyRefinement, serverSurvivesHostileClient].map(property => [property.id, property] as const))(
  '%s',
  (_id, property) => {
    test('holds on log-proxy and sees what it must', () => {
      const context = scenarioContext('log-proxy', defaultSeams, RUNS);
      expect(property.notApplicable(context)).toBe('');
      const results = runAll(property, context);
      expect(failureOf(results)).toBeUndefined();
      for (const { id } of property.witnesses) expect(seen(results, id), id).toBeGreaterThan(0);
    });

    test.each(['two-subjects', 'log-channel'])('does not apply to %s', scenario => {
      expect(property.notApplicable(scenarioContext(scenario))).toMatch(/has no log-proxy-client/);
    });

    test('gives the same results twice', () => {
      const once = (): unknown => runAll(property, scenarioContext('log-proxy', defaultSeams, 8));
      expect(once()).toEqual(once());
    });
  },
);

describe('defects are found and their counterexamples replay', () => {
  const honest: readonly (readonly [string, Partial<ProxyOps>])[] = [
    ['length not validated', { validateLength: () => true }],
    ['sequence number used again', { nextSequence: sequence => Math.max(1, sequence) }],
    ['sequence number wraps', { nextSequence: sequence => (sequence + 1) % 4 }],
    ['sleep without a second look', { drainAgain: () => false }],
    ['all messages in one session', { chooseSession: () => 0 }],
    ['event before the message', { hintsAfterPublish: () => false }],
  ];
  const hostile: readonly (readonly [string, Partial<ProxyOps>])[] = [
    ['unknown session taken for the first', { chooseSession: (id, count) => proxyOps.chooseSession(id, count) ?? 0 }],
    ['replay accepted', { isFresh: () => true }],
    ['message of a former life accepted', { isCurrent: () => true }],
    ['sessions outlive their client', { keepsSessions: () => true }],
    ['control characters logged', { printable: byte => byte }],
    ['line without label', { logLine: (_label, text) => text }],
  ];
  const rows = [
    ...honest.map(([name, proxy]) => [name, proxy, logProxyRefinement] as const),
    ...hostile.map(([name, proxy]) => [name, proxy, serverSurvivesHostileClient] as const),
  ];

  test.each(rows)('%s', (_name, proxy, property) => {
    const context = scenarioContext('log-proxy', seamsWith({ proxy }));
    const failure = failureOf(runAll(property, context));
    expect(failure).toBeDefined();
    const trace = traceOf(property, failure!);
    expect(property.replay({ ...context }, trace)).toEqual(failure!.outcome);
    expect(property.replay(scenarioContext('log-proxy'), trace)).toBeUndefined();
    expect(failure!.outcome.explanation.length).toBeGreaterThan(2);
  });
});
