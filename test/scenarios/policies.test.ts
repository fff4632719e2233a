import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DESCRIPTIONS } from '../../scenarios/generate.ts';
import type { PolicyDescription } from '../../scenarios/policy-description.ts';
import { writePolicy } from '../../scenarios/policy-writer.ts';
import { checkPolicy } from '../../src/policy/check.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const ids = Object.keys(DESCRIPTIONS);
const policyFile = (id: string): string => fileURLToPath(new URL(`../../scenarios/${id}/policy.xml`, import.meta.url));

function documentOf(text: string): PolicyDocument {
  const parsed = parsePolicy(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.error.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  expect(parsed.value.findings).toEqual([]);
  return parsed.value.document;
}

const codesOf = (description: PolicyDescription): string[] =>
  checkPolicy(documentOf(writePolicy(description))).findings.map(({ code }) => code);

describe.each(ids)('%s', id => {
  const description = DESCRIPTIONS[id]!;

  test('the committed policy is what the generator writes', () => {
    expect(readFileSync(policyFile(id), 'utf8')).toBe(writePolicy(description));
  });

  test('the policy satisfies every rule', () => {
    expect(checkPolicy(documentOf(writePolicy(description))).findings).toEqual([]);
  });

  test('all sharing is explained', () => {
    const intent = inferIntent(documentOf(writePolicy(description)));
    expect([...intent.violations, ...intent.warnings]).toEqual([]);
    expect(intent.examined).toBeGreaterThan(description.subjects.length * 4);
  });

  test('no physical regions overlap and every region lies in memory', () => {
    const { memory, hardware } = documentOf(writePolicy(description));
    const sorted = [...memory].sort((a, b) => a.physicalAddress - b.physicalAddress);
    for (const [index, region] of sorted.entries()) {
      const end = region.physicalAddress + region.sizeBytes;
      const next = sorted[index + 1];
      if (next !== undefined) expect(end, `${region.name} and ${next.name}`).toBeLessThanOrEqual(next.physicalAddress);
      const block = hardware.memoryBlocks.find(
        ({ physicalAddress, sizeBytes }) =>
          physicalAddress <= region.physicalAddress && end <= physicalAddress + sizeBytes,
      );
      expect(block, region.name).toBeDefined();
    }
  });

  test('all CPUs have the same period, and frames that end together name a barrier', () => {
    const { scheduling } = documentOf(writePolicy(description));
    for (const { cpus, barriers } of scheduling.majorFrames) {
      const periods = cpus.map(({ minorFrames }) => minorFrames.reduce((sum, { ticks }) => sum + ticks, 0));
      expect(new Set(periods).size).toBe(1);
      const waits = cpus.flatMap(({ minorFrames }) =>
        minorFrames.flatMap(({ barrier }) => (barrier === 'none' ? [] : [barrier])),
      );
      for (const { id: barrier, size } of barriers) expect(waits.filter(wait => wait === barrier)).toHaveLength(size);
    }
  });
});

describe('what the scenarios are for', () => {
  test('two-subjects: alice and bob share nothing', () => {
    const { subjects, kernel } = documentOf(writePolicy(DESCRIPTIONS['two-subjects']!));
    const regionsOf = (name: string): string[] =>
      subjects.find(subject => subject.name === name)!.memory.map(({ physical }) => physical);
    expect(regionsOf('alice').filter(region => regionsOf('bob').includes(region))).toEqual([]);
    expect(kernel.cpus).toHaveLength(2);
  });

  test('log-proxy has every kind of event action and mode that the kernel schedules by', () => {
    const { events, subjects, scheduling } = documentOf(writePolicy(DESCRIPTIONS['log-proxy']!));
    expect(new Set(events.map(({ mode }) => mode))).toEqual(new Set(['async', 'ipi', 'self', 'switch', 'kernel']));
    const actions = subjects.flatMap(({ sourceGroups }) =>
      sourceGroups.flatMap(group => group.events.map(event => event.action?.kind)),
    );
    expect(new Set(actions)).toEqual(
      new Set([undefined, 'system_panic', 'subject_sleep', 'subject_yield', 'unmask_irq']),
    );
    expect(scheduling.partitions.map(({ groups }) => groups.length)).toContain(2);
    expect(scheduling.majorFrames).toHaveLength(2);
    expect(scheduling.majorFrames.every(({ barriers }) => barriers.length > 0)).toBe(true);
  });
});

describe('the writer writes what is described, also when it is wrong', () => {
  const base = DESCRIPTIONS['log-channel']!;

  test('an IPI to the own CPU', () => {
    const subjects = base.subjects.map(subject => ({ ...subject, cpu: 0 }));
    const frames = [
      [
        [
          { partition: 'writer', ticks: 1 },
          { partition: 'reader', ticks: 1 },
        ],
        [{ partition: 'reader', ticks: 2 }],
      ],
    ];
    expect(codesOf({ ...base, subjects, majorFrames: frames })).toContain('EVT-IPI');
  });

  test('a subject that maps two regions at one address', () => {
    const channels = base.channels.map(channel => ({ ...channel, writer: { ...channel.writer, address: 0x1000 } }));
    expect(codesOf({ ...base, channels }).length).toBeGreaterThan(0);
  });

  test('CPUs with different periods', () => {
    const majorFrames = [[[{ partition: 'writer', ticks: 3 }], [{ partition: 'reader', ticks: 2 }]]];
    expect(codesOf({ ...base, majorFrames }).length).toBeGreaterThan(0);
  });

  test('a subject outside all groups is our own mistake', () => {
    expect(() => writePolicy({ ...base, partitions: [base.partitions[0]!] })).toThrow('in no scheduling group');
  });
});
