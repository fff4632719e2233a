import { describe, expect, it } from 'vitest';
import type { FlowMechanism } from '../../src/model/flow-edge.ts';
import type { FlowGraph } from '../../src/model/flow-policy.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { DEMO, goldenPolicies, goldenText, haveGolden, needsGolden, parse } from '../policy/intent-editing.ts';
import { memoryPairsOfTables, notificationsOfKernel, pair } from './flow-oracle.ts';

const folders = [
  ...goldenPolicies('systems').map(name => `systems/${name}`),
  ...['h01_minimal_1cpu', 'h02_2cpu_channel_events', 'h04_vm_monitor_group', 'h05_multiframe', 'h06_devices'].map(
    name => `hand/${name}`,
  ),
];
const read = (folder: string): PolicyDocument => parse(goldenText(`${folder}/policy_b.xml`));

function pairsOf(graph: FlowGraph, ...mechanisms: readonly FlowMechanism[]): string[] {
  const subjects = new Set(graph.nodes.filter(({ kind }) => kind === 'subject').map(({ id }) => id));
  const edges = graph.edges.filter(
    edge => mechanisms.includes(edge.mechanism) && subjects.has(edge.from) && subjects.has(edge.to),
  );
  return [...new Set(edges.map(({ from, to }) => pair(from, to)))].sort();
}

const frames = (document: PolicyDocument, test: (type: string) => boolean): Set<number> =>
  new Set(
    document.memory
      .filter(({ type }) => test(type))
      .flatMap(({ physicalAddress, sizeBytes }) =>
        Array.from({ length: sizeBytes / 4096 }, (_, i) => physicalAddress / 4096 + i),
      ),
  );

describe.skipIf(!haveGolden)(`flows against outputs of the real toolchain${needsGolden}`, () => {
  it.each(folders)('%s: notifications are those of the generated event tables', folder => {
    const document = read(folder);
    const graph = flowGraph(document);
    const real = notificationsOfKernel(document, folder);
    for (const mode of ['async', 'ipi', 'switch'] as const)
      expect([mode, pairsOf(graph, mode)]).toEqual([mode, [...real[mode]].sort()]);
  });

  it.each(folders)('%s: shared memory is that of the generated page tables', folder => {
    const document = read(folder);
    const monitored = frames(document, type => /^subject_(state|interrupts|timed_event)$/.test(type));
    const real = memoryPairsOfTables(document, folder, frame => monitored.has(frame));
    const found = pairsOf(
      flowGraph(document),
      'shared-memory',
      'overlapping-memory',
      'channel',
      'device-memory',
      'sibling',
    );
    expect(found).toEqual([...real].sort());
    if (folder.startsWith('systems/')) expect(real.size).toBeGreaterThan(8);
  });
});

describe.skipIf(!haveGolden)(`flows of the demo system${needsGolden}`, () => {
  const text = haveGolden ? goldenText(DEMO) : '';
  const graph = haveGolden ? flowGraph(parse(text)) : undefined!;
  const mechanisms = (from: string, to: string): string[] => graph.directEdges(from, to).map(edge => edge.mechanism);

  it('is directed: input events flow from ps2 to vt and nothing flows back', () => {
    expect(graph.allowsDirect('ps2', 'vt').map(({ mechanism, via }) => [mechanism, via])).toEqual([
      ['channel', 'input_events'],
      ['ipi', 'input_events'],
    ]);
    expect(graph.allowsDirect('vt', 'ps2')).toEqual([]);
    expect(graph.closure().get('vt')!.has('ps2')).toBe(false);
  });

  it('names the lines that grant a flow', () => {
    const source = text.split('\n');
    for (const edge of graph.edges.filter(({ mechanism }) => mechanism === 'channel')) {
      const lines = edge.lines.map(line => source[Number(line) - 1]!);
      expect(lines.some(line => line.includes('writable="true"'))).toBe(true);
      for (const line of lines) expect(line).toContain(`physical="${edge.via}"`);
      for (const logical of [...edge.fromLogical, ...edge.toLogical])
        expect(lines.some(line => line.includes(`logical="${logical}"`))).toBe(true);
    }
  });

  it('knows monitors in both directions, and the read-only one in one', () => {
    expect(mechanisms('nic_linux', 'nic_sm')).toContain('monitor');
    expect(mechanisms('nic_sm', 'nic_linux')).toContain('monitor');
    expect(mechanisms('storage_linux', 'example')).toContain('monitor');
    expect(mechanisms('example', 'storage_linux')).not.toContain('monitor');
  });

  it('sees DMA of ahci_drv into storage_linux through the common device domain', () => {
    const [edge] = graph.allowsDirect('ahci_drv', 'storage_linux').filter(({ via }) => via === 'storage_linux|ram');
    expect(edge).toMatchObject({ mechanism: 'device-domain', kind: 'data', detail: 'DMA of an assigned device' });
    expect(
      graph.directEdges('domain:storage_domain', 'storage_linux').some(({ via }) => via === 'storage_linux|ram'),
    ).toBe(true);
  });

  it('knows who steals cycles: inter-processor and device interrupts', () => {
    expect(graph.stealsCycles('ps2', 'dbgserver')).toBe(true);
    expect(
      graph
        .directEdges('ps2', 'dbgserver')
        .filter(e => e.mechanism === 'ipi-cycle-theft')
        .map(e => e.via),
    ).toEqual(['input_events']);
    expect(graph.stealsCycles('ps2', 'tau0')).toBe(true);
    expect(graph.directEdges('ps2', 'tau0').map(e => e.mechanism)).toContain('irq-cycle-theft');
    expect(graph.stealsCycles('time', 'vt')).toBe(false);
    expect(graph.stealsCycles('tau0', 'controller')).toBe(false);
  });

  it('knows scheduling partitions and groups', () => {
    expect(graph.samePartition('time', 'dbgserver')).toBe(true);
    expect(graph.samePartition('vt', 'time')).toBe(false);
    expect(graph.samePartition('nobody', 'nobody')).toBe(false);
    expect(mechanisms('time', 'dbgserver')).toContain('scheduling-partition');
    expect(mechanisms('nic_sm', 'nic_linux')).toContain('scheduling-group');
    expect(mechanisms('example', 'storage_linux')).toContain('scheduling-partition');
  });

  it('couples CPUs by the barrier that the frames name', () => {
    const coupled = graph.edges.filter(
      ({ mechanism, via }) => mechanism === 'barrier' && via === 'minor-frame barrier',
    );
    expect(coupled.length).toBeGreaterThan(0);
    const frames = text.split('\n');
    for (const { lines } of coupled)
      expect(lines.some(line => /barrier="\d+"/.test(frames[Number(line) - 1]!))).toBe(true);
  });

  it('marks exactly the flows of the reference as permitted by design', () => {
    const design = new Set(graph.edges.filter(edge => edge.permittedByDesign).map(edge => edge.mechanism));
    const granted = new Set(graph.edges.filter(edge => !edge.permittedByDesign).map(edge => edge.mechanism));
    expect([...design].filter(mechanism => granted.has(mechanism))).toEqual([]);
    for (const edge of graph.edges) if (edge.kind === 'timing') expect(edge.permittedByDesign).toBe(true);
    expect([...design]).toContain('crash-audit');
  });

  it('notes system actions, the choice of major frames and late exits once', () => {
    expect(graph.notes.map(({ mechanism }) => mechanism)).toEqual([
      'system-action',
      'major-frame-choice',
      'late-exit',
      'kernel-debug-console',
    ]);
    expect(graph.notes[1]!.subjects).toEqual(['tau0']);
  });

  it('never passes through the kernel', () => {
    expect([...graph.closure().get('tau0')!]).toEqual(['kernel']);
    expect(graph.allowsDirect('kernel', 'dbgserver').map(({ mechanism }) => mechanism)).toEqual(['crash-audit']);
  });

  it('has a transitive closure that contains every direct flow', () => {
    const closure = graph.closure();
    for (const { from, to, kind } of graph.edges) if (kind !== 'timing') expect(closure.get(from)!.has(to)).toBe(true);
    for (const [from, reached] of closure) {
      expect(reached.has(from)).toBe(false);
      for (const middle of reached) {
        if (middle === 'kernel') continue;
        for (const to of closure.get(middle)!) expect(to === from || reached.has(to)).toBe(true);
      }
    }
  });
});
