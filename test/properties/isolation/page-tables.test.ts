import { describe, expect, it } from 'vitest';
import { kernelPageTables, subjectPageTables } from '../../../properties/isolation/page-tables.ts';
import type { CheckContext, Failure, Property, TaskResult } from '../../../src/engine/property.ts';
import { type PagingOps, pagingOps } from '../../../src/impl/paging-ops.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { TRACE_VERSION, type Trace } from '../../../src/trace/trace.ts';
import { goldenDocument, goldenMissing } from '../../impl/golden.ts';
import { smallDocument } from '../../impl/small-document.ts';

function contextOf(document: PolicyDocument, ops: Partial<PagingOps> = {}): CheckContext {
  return {
    document,
    policyText: '',
    policyPath: 'policy_b.xml',
    policySha256: '',
    seams: { ...defaultSeams, paging: { ...pagingOps, ...ops } },
    seed: 0,
    budget: { name: 'smoke' },
    software: [],
  };
}

const runAll = (property: Property, context: CheckContext): readonly TaskResult[] =>
  property.tasks(context).map(task => property.runTask(context, task));

const failuresOf = (property: Property, context: CheckContext): readonly Failure[] =>
  runAll(property, context).flatMap(result => (result.failure === undefined ? [] : [result.failure]));

const traceOf = (property: Property, failure: Failure): Trace => ({
  format: 'muencheck-trace',
  version: TRACE_VERSION,
  tool: 'test',
  policy: { path: '', sha256: '', gzipBase64: '' },
  property: property.id,
  seed: 0,
  body: failure.body,
  outcome: failure.outcome,
});

/** One native and ten VM subjects, each with a page of its own and a shared read-only one. */
function manySubjects(): PolicyDocument {
  const names = ['native', ...Array.from({ length: 10 }, (_, index) => `vm_${index}`)];
  return smallDocument({
    regions: [
      { name: 'kernel_0|pt', base: 0x10_0000, size: 0x4000, type: 'system_pt' },
      { name: 'kernel_data', base: 0x20_0000, size: 0x1000, type: 'kernel_binary' },
      { name: 'shared', base: 0x30_0000, size: 0x1000 },
      ...names.flatMap((name, index) => [
        { name: `${name}|pt`, base: 0x100_0000 + index * 0x4000, size: 0x4000, type: 'system_pt' as const },
        { name: `${name}|ram`, base: 0x200_0000 + index * 0x1000, size: 0x1000 },
      ]),
    ],
    subjects: names.map((name, index) => ({
      name,
      ept: index > 0,
      memory: [
        { physical: `${name}|ram`, va: 0x1000, writable: true, line: 100 + index },
        { physical: 'shared', va: 0x5000, line: 200 + index },
      ],
    })),
    kernels: [
      [
        { physical: 'kernel_data', va: 0x12_0000, writable: true, line: 5 },
        { physical: 'shared', va: 0x13_0000, line: 6 },
      ],
    ],
  });
}

describe('isolation/subject-page-tables and isolation/kernel-page-tables', () => {
  it('hold and see every witness', () => {
    const context = contextOf(manySubjects());
    for (const property of [subjectPageTables, kernelPageTables]) {
      const results = runAll(property, context);
      expect(results.map(result => result.failure)).toEqual(results.map(() => undefined));
      for (const witness of property.witnesses) {
        expect(
          results.reduce((sum, result) => sum + (result.witnesses[witness.id] ?? 0), 0),
          witness.id,
        ).toBeGreaterThan(0);
      }
      expect(property.notApplicable(context)).toBe('');
    }
    expect(runAll(subjectPageTables, context).reduce((sum, result) => sum + result.runs, 0)).toBe(11);
  });

  it('cover each subject once, in slices that do not depend on the machine', () => {
    const tasks = subjectPageTables.tasks(contextOf(manySubjects()));
    expect(tasks.map(task => task.slice)).toEqual([
      { first: 0, count: 8 },
      { first: 8, count: 3 },
    ]);
  });

  it('do not apply where nothing is to judge', () => {
    const empty = contextOf(smallDocument({ regions: [], subjects: [] }));
    expect([subjectPageTables.notApplicable(empty), kernelPageTables.notApplicable(empty)]).toEqual([
      'the policy has no subjects',
      'the policy has no kernels',
    ]);
  });

  it('are refuted by a fault, and a replay shows the recorded outcome', () => {
    const ops: Partial<PagingOps> = {
      encodeEptLeaf: (address, mapping) => pagingOps.encodeEptLeaf(address, { ...mapping, writable: true }),
    };
    const failures = failuresOf(subjectPageTables, contextOf(manySubjects(), ops));
    expect(failures.map(failure => failure.outcome.summary)).toEqual([
      "subject 'vm_0': page 0x0000_5000 maps hpa 0x0030_0000 (region 'shared', type subject) writable, policy grants read-only (policy line 201)",
      "subject 'vm_7': page 0x0000_5000 maps hpa 0x0030_0000 (region 'shared', type subject) writable, policy grants read-only (policy line 208)",
    ]);
    for (const failure of failures) {
      expect(failure.body).toEqual({ kind: 'static' });
      const replayed = subjectPageTables.replay(contextOf(manySubjects(), ops), traceOf(subjectPageTables, failure));
      expect(replayed).toEqual(failure.outcome);
      expect(subjectPageTables.replay(contextOf(manySubjects()), traceOf(subjectPageTables, failure))).toBeUndefined();
    }
    expect(failures[0]?.outcome.policyLines).toEqual([201]);
    expect(failures[0]?.outcome.explanation[0]).toMatch(/^Let subject 'vm_0' run on the EPT tables at hpa 0x0100_4000/);
  });

  it('find a mapping that one subject gets from its neighbour', () => {
    const ops: Partial<PagingOps> = {
      collectSubjectMappings: (document, subject) => {
        const own = pagingOps.collectSubjectMappings(document, subject);
        const neighbour = document.subjects[document.subjects.indexOf(subject) + 1];
        if (neighbour === undefined) return own;
        const [first] = pagingOps.collectSubjectMappings(document, neighbour).mappings;
        return first === undefined
          ? own
          : { ...own, mappings: [...own.mappings, { ...first, virtualAddress: 0x9000 }] };
      },
    };
    const [failure] = failuresOf(subjectPageTables, contextOf(manySubjects(), ops));
    expect(failure?.outcome.summary).toBe(
      "subject 'native': page 0x0000_9000 maps hpa 0x0200_1000 (region 'vm_0|ram' of 'vm_0', type subject) writable, although the policy grants nothing there",
    );
  });

  it('are refuted when the tables cannot be built', () => {
    const document = smallDocument({ regions: [], subjects: [{ name: 'a', memory: [] }], kernels: [[]] });
    for (const property of [subjectPageTables, kernelPageTables]) {
      const [failure] = failuresOf(property, contextOf(document));
      expect(failure?.outcome.summary).toMatch(/^page tables cannot be built: /);
      expect(failure?.outcome.explanation).toHaveLength(2);
    }
  });

  it.skipIf(goldenMissing !== '')(`hold for a real system and are refuted by faults in it ${goldenMissing}`, () => {
    const document = goldenDocument('systems/demo_system_desktop_smp--lenovo-t440s');
    for (const property of [subjectPageTables, kernelPageTables]) {
      const results = runAll(property, contextOf(document));
      expect(results.every(result => result.failure === undefined)).toBe(true);
      for (const witness of property.witnesses)
        expect(results.some(result => (result.witnesses[witness.id] ?? 0) > 0)).toBe(true);
      const executable: Partial<PagingOps> = {
        encodeIa32eLeaf: (address, mapping) => pagingOps.encodeIa32eLeaf(address, { ...mapping, executable: true }),
      };
      expect(failuresOf(property, contextOf(document, executable)).length).toBeGreaterThan(0);
    }
  });
});
