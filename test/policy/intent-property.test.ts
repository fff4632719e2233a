import { describe, expect, it } from 'vitest';
import { sharingIsExplained as property } from '../../properties/isolation/intent.ts';
import type { CheckContext, Task } from '../../src/engine/property.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { Trace } from '../../src/trace/trace.ts';
import { ADDED_LINE, addMapping, scenarioDocument } from './intent-editing.ts';

/** The property looks at nothing but the document. */
const contextOf = (document: PolicyDocument): CheckContext => ({ document }) as CheckContext;
const run = (document: PolicyDocument) => {
  const context = contextOf(document);
  const tasks: readonly Task[] = property.tasks(context);
  expect(tasks).toHaveLength(1);
  return property.runTask(context, tasks[0]!);
};

describe('isolation/sharing-is-explained', () => {
  it('passes on every own scenario and is vacuous on none', () => {
    for (const name of ['two-subjects', 'log-channel', 'log-proxy']) {
      const result = run(scenarioDocument(name));
      expect(result.failure).toBeUndefined();
      for (const { id } of property.witnesses) expect(result.witnesses[id]).toBeGreaterThan(0);
      expect(property.notApplicable(contextOf(scenarioDocument(name)))).toBe('');
    }
  });

  it('fails with the lines of the mapping, of the region and of the owner, and replays to the same outcome', () => {
    const document = addMapping(scenarioDocument('log-proxy'), 'genode_client', {
      physical: 'genode_server|log',
      writable: true,
    });
    const region = document.memory.find(({ name }) => name === 'genode_server|log')!.at.line;
    const own = document.subjects
      .find(({ name }) => name === 'genode_server')!
      .memory.find(m => m.physical === 'genode_server|log')!.at.line;
    const { failure } = run(document);
    expect(failure!.body).toEqual({ kind: 'static' });
    expect(failure!.outcome.policyLines).toEqual([region, own, ADDED_LINE].sort((a, b) => a - b));
    expect(failure!.outcome.summary).toContain(`line ${ADDED_LINE}: subject 'genode_client' maps 'genode_server|log'`);
    expect(property.replay(contextOf(document), {} as Trace)).toEqual(failure!.outcome);
    expect(property.replay(contextOf(scenarioDocument('log-proxy')), {} as Trace)).toBeUndefined();
  });

  it('counts the violations that the summary does not show', () => {
    const one = addMapping(scenarioDocument('log-proxy'), 'genode_client', { physical: 'genode_server|log' });
    const two = addMapping(one, 'log_watchdog', { physical: 'genode_server|log' });
    expect(run(two).failure!.outcome.summary).toContain('(and 1 more)');
    expect(run(two).failure!.outcome.explanation).toHaveLength(2);
  });
});
