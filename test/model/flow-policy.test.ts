import { describe, expect, it } from 'vitest';
import { FLOW_MECHANISMS, mergeStatements } from '../../src/model/flow-edge.ts';
import { flowGraph } from '../../src/model/flow-policy.ts';
import type { PhysicalDevice, PolicyDocument } from '../../src/policy/document.ts';
import { ADDED_LINE, addMapping, editRegion, editSubject, scenarioDocument } from '../policy/intent-editing.ts';

const proxy = scenarioDocument('log-proxy');
const direct = (document: PolicyDocument, from: string, to: string) =>
  flowGraph(document)
    .allowsDirect(from, to)
    .map(({ mechanism, via }) => `${mechanism} ${via}`);

describe('flows through MSRs', () => {
  it('go from who writes a platform-wide MSR to who reads it; one that the kernel switches carries none', () => {
    const place = { line: ADDED_LINE, column: 1 };
    const withMsr = (document: PolicyDocument, name: string, start: number, mode: 'r' | 'rw') =>
      editSubject(document, name, subject => ({
        ...subject,
        vcpu: { ...subject.vcpu, msrs: [...subject.vcpu.msrs, { at: place, start, end: start, mode }] },
      }));
    const share = (msr: number) => withMsr(withMsr(proxy, 'genode_server', msr, 'rw'), 'log_watchdog', msr, 'r');
    const before = direct(proxy, 'genode_server', 'log_watchdog');
    expect(direct(share(0x770), 'genode_server', 'log_watchdog')).toEqual([...before, 'platform-msr MSR 0x770']);
    expect(direct(share(0x770), 'log_watchdog', 'genode_server')).toEqual(
      direct(proxy, 'log_watchdog', 'genode_server'),
    );
    expect(direct(share(0xc000_0082), 'genode_server', 'log_watchdog')).toEqual(before);
  });
});

describe('memory flows', () => {
  it('grow by exactly what an added mapping grants', () => {
    expect(direct(proxy, 'genode_server', 'genode_client')).toEqual([]);
    const reads = addMapping(proxy, 'genode_client', { physical: 'genode_server|log' });
    expect(direct(reads, 'genode_server', 'genode_client')).toEqual(['shared-memory genode_server|log']);
    expect(direct(reads, 'genode_client', 'genode_server')).toEqual(direct(proxy, 'genode_client', 'genode_server'));
    const writes = addMapping(proxy, 'genode_client', { physical: 'genode_server|log', writable: true });
    expect(direct(writes, 'genode_client', 'genode_server')).toContain('shared-memory genode_server|log');
    const [edge] = flowGraph(writes)
      .directEdges('genode_client', 'genode_server')
      .filter(({ mechanism }) => mechanism === 'shared-memory');
    expect(edge!.lines).toContain(ADDED_LINE);
    expect(edge!.detail).toBe('both may write');
  });

  it('see regions with different names on the same bytes, by byte and not by page of start', () => {
    const log = proxy.memory.find(({ name }) => name === 'genode_server|log')!;
    const last = editRegion(proxy, 'genode_client|text', {
      physicalAddress: log.physicalAddress + log.sizeBytes - 0x1000,
      sizeBytes: 0x1000,
    });
    expect(direct(last, 'genode_server', 'genode_client')).toEqual([
      'overlapping-memory genode_server|log = genode_client|text',
    ]);
    const after = editRegion(proxy, 'genode_client|text', { physicalAddress: log.physicalAddress, sizeBytes: 0 });
    expect(direct(after, 'genode_server', 'genode_client')).toEqual([]);
  });

  it('lead to the kernel and to the owner when a page table is mapped', () => {
    const edited = addMapping(proxy, 'genode_client', { physical: 'genode_server|pt', writable: true });
    expect(direct(edited, 'genode_client', 'kernel')).toEqual(['kernel-memory genode_server|pt']);
    expect(direct(edited, 'genode_client', 'genode_server')).toContain('kernel-memory genode_server|pt');
  });

  it('give siblings one edge each way and the reach of their origin', () => {
    const siblings = editSubject(proxy, 'log_watchdog', subject => ({ ...subject, siblingOf: 'genode_server' }));
    expect(direct(siblings, 'log_watchdog', 'genode_server')).toEqual(['sibling genode_server']);
    expect(direct(siblings, 'genode_client', 'log_watchdog')).toContain('channel log_proxy_channel');
    expect(direct(proxy, 'genode_client', 'log_watchdog')).toEqual([]);
  });
});

describe('device flows', () => {
  const at = { line: 1, column: 1 };
  const nic = (name: string, fn: number, port: number): PhysicalDevice => ({
    at,
    name,
    pci: { at, bus: 0, device: 4, function: fn, msi: false },
    irqs: [{ at, name: 'irq', number: 20 + fn, msis: [] }],
    memory: [{ at, name: 'mem', physicalAddress: 0xf000_0000 + fn * 0x1000, sizeBytes: 0x1000, caching: 'UC' }],
    ioPorts: [{ at, name: 'port', start: port, end: port + 7 }],
    reservedMemory: [],
    capabilities: [],
  });
  const assign = (document: PolicyDocument, subject: string, physical: string): PolicyDocument =>
    editSubject(document, subject, old => ({
      ...old,
      devices: [
        ...old.devices,
        {
          at: { line: ADDED_LINE, column: 1 },
          logical: physical,
          physical,
          irqs: [{ at, logical: 'irq', physical: 'irq', msis: [] }],
          memory: [
            { at, logical: 'mem', physical: 'mem', virtualAddress: 0x5000_0000, writable: true, executable: false },
          ],
          ioPorts: [{ at, logical: 'port', physical: 'port' }],
        },
      ],
    }));
  const withDevices = (...devices: readonly PhysicalDevice[]): PolicyDocument => ({
    ...proxy,
    hardware: { ...proxy.hardware, devices: [...proxy.hardware.devices, ...devices] },
  });
  const mechanisms = (document: PolicyDocument, from: string, to: string): string[] =>
    flowGraph(document)
      .directEdges(from, to)
      .map(edge => edge.mechanism);

  it('connect two subjects with one device, or with functions of one device, in both directions', () => {
    const one = assign(assign(withDevices(nic('nic', 0, 0x100)), 'genode_client', 'nic'), 'guest_vm', 'nic');
    for (const [a, b] of [
      ['genode_client', 'guest_vm'],
      ['guest_vm', 'genode_client'],
    ] as const) {
      expect(mechanisms(one, a, b)).toEqual(expect.arrayContaining(['shared-device', 'device-memory', 'io-port']));
    }
    const two = assign(
      assign(withDevices(nic('a', 0, 0x100), nic('b', 1, 0x107)), 'genode_client', 'a'),
      'guest_vm',
      'b',
    );
    const found = mechanisms(two, 'guest_vm', 'genode_client');
    expect(found).toEqual(expect.arrayContaining(['multifunction-device', 'io-port']));
    expect(found).not.toContain('shared-device');
    expect(found).not.toContain('device-memory');
  });

  it('couple subjects of different CPUs with level-triggered interrupts', () => {
    const two = assign(
      assign(withDevices(nic('a', 0, 0x100), nic('b', 1, 0x200)), 'genode_client', 'a'),
      'genode_server',
      'b',
    );
    expect(mechanisms(two, 'genode_client', 'genode_server')).toContain('io-apic-lock');
    expect(flowGraph(two).stealsCycles('genode_client', 'tau0')).toBe(true);
    expect(flowGraph(two).stealsCycles('genode_server', 'tau0')).toBe(false);
  });

  it('follow DMA from a device through its domain to a subject', () => {
    const base = assign(withDevices(nic('nic', 0, 0x100)), 'genode_client', 'nic');
    const mapping = { at, logical: 'dma', physical: 'guest_vm|ram', virtualAddress: 0, executable: false };
    const domain = (writable: boolean): PolicyDocument => ({
      ...base,
      deviceDomains: [
        {
          at,
          name: 'dom',
          id: 1,
          memory: [{ ...mapping, writable }],
          devices: [{ at, logical: 'nic', physical: 'nic', mapReservedMemory: false }],
        },
      ],
    });
    expect(direct(domain(true), 'genode_client', 'guest_vm')).toContain('device-domain guest_vm|ram');
    expect(direct(domain(false), 'genode_client', 'guest_vm')).toEqual([]);
    expect(direct(domain(false), 'guest_vm', 'genode_client')).toContain('device-domain guest_vm|ram');
    expect(flowGraph(domain(true)).closure().get('genode_client')).toContain('guest_vm');
  });
});

describe('timing flows', () => {
  it('couple a late frame with what other CPUs run next, at barriers and at the end of the major frame', () => {
    // CPU 0 runs alice, then bob; CPU 1 runs carol in both frames; the first frames end at a barrier.
    const coupled = flowGraph(scenarioDocument('two-subjects')).edges.filter(
      ({ mechanism }) => mechanism === 'barrier',
    );
    expect(coupled.map(({ from, to, via }) => `${from} -> ${to}: ${via}`)).toEqual([
      'alice -> carol: minor-frame barrier',
      'bob -> carol: major-frame end',
      'carol -> alice: major-frame end',
      'carol -> bob: minor-frame barrier',
    ]);
  });
});

describe('graph', () => {
  it('keeps node ids apart from hostile subject names', () => {
    const named = {
      ...proxy,
      subjects: proxy.subjects.map(s => (s.name === 'log_watchdog' ? { ...s, name: 'kernel' } : s)),
    };
    const graph = flowGraph(named);
    expect(new Set(graph.nodes.map(({ id }) => id)).size).toBe(graph.nodes.length);
    expect(graph.nodes.filter(({ name }) => name === 'kernel').map(({ kind }) => kind)).toEqual(['subject', 'kernel']);
  });

  it('survives duplicate names, dangling references and cycles of siblings', () => {
    const twice: PolicyDocument = {
      ...proxy,
      subjects: [...proxy.subjects, ...proxy.subjects],
      memory: [...proxy.memory, ...proxy.memory],
    };
    expect(flowGraph(twice).edges).toEqual(flowGraph(proxy).edges);
    const without = flowGraph({ ...proxy, hardware: { ...proxy.hardware, devices: [] }, memory: [], events: [] });
    expect(without.edges.filter(({ kind }) => kind !== 'timing')).toEqual([]);
    const half = editSubject(proxy, 'genode_client', subject => ({ ...subject, siblingOf: 'genode_server' }));
    const cycle = editSubject(half, 'genode_server', subject => ({ ...subject, siblingOf: 'genode_client' }));
    expect(direct(cycle, 'genode_client', 'genode_server').length).toBeGreaterThan(0);
  });

  it('merges statements about one flow and drops those to itself', () => {
    const statement = { from: 'a', to: 'b', mechanism: 'channel', via: 'c', lines: [7], detail: 'x' } as const;
    const merged = mergeStatements([
      statement,
      { ...statement, lines: [3, 7], fromLogical: ['l'] },
      { ...statement, to: 'a' },
    ]);
    expect(merged).toEqual([
      { ...statement, kind: 'data', fromLogical: ['l'], toLogical: [], lines: [3, 7], permittedByDesign: false },
    ]);
  });

  it('declares timing mechanisms, and only them and the crash audit, as permitted by design', () => {
    for (const [name, { kind, permittedByDesign }] of Object.entries(FLOW_MECHANISMS)) {
      expect([name, permittedByDesign]).toEqual([name, kind === 'timing' || name === 'crash-audit']);
    }
  });
});
