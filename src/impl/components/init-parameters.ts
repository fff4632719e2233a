import type { MemoryMapping, MemoryRegion } from '../../policy/document.ts';
import type { ParameterSpecs, Parameters } from '../software-parameters.ts';
import type { InitConfig, PreparedRegion } from './init-protocol.ts';
import { type Column, checkRows, type Row, readRows, writeRows } from './parameter-rows.ts';
import type { PolicyFacts } from './policy-facts.ts';

const COLUMNS: readonly Column[] = ['number', 'number', ['fill', 'copy', 'none'], 'number'];

export const INIT_PARAMETERS: ParameterSpecs = {
  controlAddress: {
    kind: 'number',
    meaning: 'virtual address of the control page, 0 for none',
    fallback: 0,
    multipleOf: 8,
  },
  statusAddress: { kind: 'number', meaning: 'virtual address of the status page', fallback: 0, multipleOf: 8 },
  regions: {
    kind: 'document',
    meaning:
      'writable regions, one a line: address, size, and fill with its pattern, copy with the address of the source, or none 0x0',
    fallback: '',
    check: checkRows(COLUMNS),
  },
};

/** The start under a controller, undefined without a control page. */
export function readInit(given: Parameters): InitConfig | undefined {
  const controlAddress = given.number('controlAddress');
  if (controlAddress === 0) return undefined;
  const regions = readRows(given.text('regions'), COLUMNS).map(
    ([address, sizeBytes, kind, value]): PreparedRegion => ({
      address: Number(address),
      sizeBytes: Number(sizeBytes),
      content:
        kind === 'fill'
          ? { kind, pattern: Number(value) & 0xff }
          : kind === 'copy'
            ? { kind, from: Number(value) }
            : { kind: 'none' },
    }),
  );
  return { controlAddress, statusAddress: given.number('statusAddress'), regions };
}

/** Memory that the protocol leaves alone: the loader's own, and what belongs to the kernel. */
const KEPT_TYPES: readonly MemoryRegion['type'][] = [
  'subject_state',
  'subject_timed_event',
  'subject_interrupts',
  'subject_scheduling_info',
  'subject_info',
  'subject_channel',
];
const KEPT_NAMES: readonly string[] = ['stack', 'interrupt_stack', 'status', 'control'];

function rowOf(facts: PolicyFacts, mapping: MemoryMapping, region: MemoryRegion): Row {
  const { virtualAddress } = mapping;
  const { sizeBytes, content, hashRef } = region;
  if (content?.kind === 'fill') return [virtualAddress, sizeBytes, 'fill', content.pattern];
  const source = facts.subject.memory.find(row => hashRef !== undefined && row.physical === hashRef);
  if (source !== undefined) return [virtualAddress, sizeBytes, 'copy', source.virtualAddress];
  return [virtualAddress, sizeBytes, 'none', 0];
}

/** Writable regions that `facts` maps and that its init protocol prepares. */
export function initRows(facts: PolicyFacts): string {
  const rows = facts.subject.memory.flatMap(mapping => {
    const region = facts.region(mapping);
    if (region === undefined || !mapping.writable) return [];
    if (KEPT_TYPES.includes(region.type) || KEPT_NAMES.includes(mapping.logical)) return [];
    if (region.name.startsWith('control_') || region.name.startsWith('status_')) return [];
    return [rowOf(facts, mapping, region)];
  });
  return writeRows(rows);
}
