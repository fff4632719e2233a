import { describe, expect, it } from 'vitest';
import { flowGraph } from '../../src/model/flow-policy.ts';
import {
  diffFlows,
  diffToText,
  flowsToDot,
  flowsToJson,
  flowsToMermaid,
  flowsToText,
} from '../../src/model/flow-render.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { addMapping, editMapping, scenarioDocument } from '../policy/intent-editing.ts';

const channel = scenarioDocument('log-channel');
const graph = flowGraph(channel);
const EVIL = 'x"]; evil -> y [label="\\\n<script>&#quot;|`\u202e\u0000';

/** The scenario with its writer under a hostile name. */
function hostile(): PolicyDocument {
  const rename = (name: string): string => (name === 'writer' ? EVIL : name);
  return {
    ...channel,
    subjects: channel.subjects.map(subject => ({ ...subject, name: rename(subject.name) })),
    scheduling: {
      ...channel.scheduling,
      partitions: channel.scheduling.partitions.map(partition => ({
        ...partition,
        groups: partition.groups.map(group => ({
          ...group,
          subjects: group.subjects.map(s => ({ ...s, name: rename(s.name) })),
        })),
      })),
    },
  };
}

describe('DOT', () => {
  it('has one statement per node and edge', () => {
    const dot = flowsToDot(graph);
    expect(dot).toContain('n0 [label="writer", shape=box];');
    expect(dot).toMatch(/n0 -> n1 \[label="channel log_channel \(policy lines [\d, -]+\)", style=solid\];/);
    expect(dot.match(/->/g)).toHaveLength(2);
  });

  it('keeps hostile names inside their strings', () => {
    for (const line of flowsToDot(flowGraph(hostile())).split('\n')) {
      expect(line.replace(/"(?:[^"\\]|\\.)*"/g, '""')).not.toMatch(/evil|script|\p{Cc}|\p{Cf}/u);
    }
  });
});

describe('Mermaid', () => {
  it('has one line per node and edge', () => {
    const lines = flowsToMermaid(graph).trimEnd().split('\n');
    expect(lines[0]).toBe('flowchart LR');
    expect(lines.filter(line => line.includes('-->'))).toHaveLength(1);
    expect(lines.filter(line => line.includes('-.->'))).toHaveLength(1);
  });

  it('keeps hostile names inside their strings', () => {
    for (const line of flowsToMermaid(flowGraph(hostile())).split('\n')) {
      expect(line.replace(/ -->\|| -\.->\|/, ' ')).not.toMatch(/[<>&`\\]|\p{Cc}|\p{Cf}/u);
      expect(line.match(/"/g) ?? []).toHaveLength(line.includes('[') || line.includes('|') ? 2 : 0);
    }
  });
});

describe('text', () => {
  it('is a table with the lines that grant each flow', () => {
    const [head, ...rows] = flowsToText(graph).split('\n');
    expect(head).toMatch(/^FROM +TO +KIND +MECHANISM +VIA +LINES +DETAIL$/);
    const line = channel.subjects[0]!.memory.find(({ physical }) => physical === 'log_channel')!.at.line;
    expect(rows[0]).toMatch(new RegExp(`^writer +reader +data +channel +log_channel +${line}, \\d+ `));
    expect(rows.at(-2)).toContain('note: ');
  });

  it('shows timing flows on request and no hostile characters', () => {
    expect(flowsToText(graph)).not.toContain('ipi-cycle-theft');
    const all = flowsToText(flowGraph(hostile()), { kinds: ['data', 'event', 'timing'] });
    expect(all).toContain('ipi-cycle-theft');
    expect(all.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });
});

describe('JSON', () => {
  it('is plain data', () => {
    const json = flowsToJson(graph);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json.edges).toBe(graph.edges);
  });
});

describe('difference', () => {
  it('of a policy with itself is empty, also when only lines moved', () => {
    expect(diffToText(diffFlows(graph, flowGraph(channel)))).toBe('');
    const moved: PolicyDocument = {
      ...channel,
      subjects: channel.subjects.map(subject => ({
        ...subject,
        memory: subject.memory.map(mapping => ({ ...mapping, at: { line: mapping.at.line + 9, column: 1 } })),
      })),
    };
    expect(diffToText(diffFlows(graph, flowGraph(moved)))).toBe('');
  });

  it('shows what an added mapping allows, in both directions of comparison', () => {
    const wider = flowGraph(addMapping(channel, 'reader', { physical: 'writer|stack' }));
    const diff = diffFlows(graph, wider);
    expect(diff.added.map(({ from, to, mechanism, via }) => [from, to, mechanism, via])).toEqual([
      ['writer', 'reader', 'shared-memory', 'writer|stack'],
    ]);
    expect(diff.removed).toEqual([]);
    expect(diffFlows(wider, graph).removed).toEqual(diff.added);
    expect(diffToText(diff)).toMatch(/^\+ writer -> reader \[data\] shared-memory writer\|stack/);
  });

  it('shows a flow that changed its effect', () => {
    const logical = channel.subjects[1]!.memory.find(({ physical }) => physical === 'log_channel')!.logical;
    const diff = diffFlows(graph, flowGraph(editMapping(channel, 'reader', logical, { writable: true })));
    expect(diff.changed.map(({ after }) => after.detail)).toEqual(['both may write']);
    expect(diff.added.map(({ from, to }) => [from, to])).toEqual([['reader', 'writer']]);
  });

  it('names parties that came or went', () => {
    const fewer = flowGraph({ ...channel, subjects: channel.subjects.slice(0, 1) });
    expect(diffFlows(graph, fewer)).toMatchObject({ removedNodes: ['reader'], addedNodes: [] });
  });
});
