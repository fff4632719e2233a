import type { MemoryMapping, MemoryRegion } from '../../policy/document.ts';
import type { ParameterSpecs, Parameters } from '../software-parameters.ts';
import { type ComponentParameters, present } from './component.ts';
import type { InitConfig, PreparedRegion, ValidatedRegion } from './init-protocol.ts';
import { type Column, checkRows, type Row, readRows, writeRows } from './parameter-rows.ts';
import type { PolicyFacts } from './policy-facts.ts';

const COLUMNS: readonly Column[] = ['number', 'number', 'number', ['fill', 'copy', 'none', 'missing'], 'number'];
const HASH_COLUMNS: readonly Column[] = ['number', 'number', 'number', 'sha256'];
const UNVALIDATED: readonly Column[] = ['number', 'number', 'number', ['absent', 'unstated']];

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
      'writable regions, one a line: address, size, number in the subject information, and fill with its pattern, copy with the address of the source, none 0x0, or missing 0x0 if its source is nowhere',
    fallback: '',
    check: checkRows(COLUMNS),
  },
  hashes: {
    kind: 'document',
    meaning: 'regions that are validated, one a line: address, size, number in the subject information, SHA-256',
    fallback: '',
    check: checkRows(HASH_COLUMNS),
  },
  unvalidated: {
    kind: 'document',
    meaning:
      'regions with a content that cannot be validated, one a line: address, size, number, and absent if their file is not given, unstated if the policy has no hash',
    fallback: '',
    check: checkRows(UNVALIDATED),
  },
  scratchAddress: { kind: 'number', meaning: 'own memory in which hashes are computed', fallback: 0, multipleOf: 64 },
};

/** The start under a controller, undefined without a control page. */
export function readInit(given: Parameters): InitConfig | undefined {
  const controlAddress = given.number('controlAddress');
  if (controlAddress === 0) return undefined;
  const regions = readRows(given.text('regions'), COLUMNS).map(
    ([address, sizeBytes, resource, kind, value]): PreparedRegion => ({
      address: Number(address),
      sizeBytes: Number(sizeBytes),
      resource: Number(resource),
      content:
        kind === 'fill'
          ? { kind, pattern: Number(value) & 0xff }
          : kind === 'copy'
            ? { kind, from: Number(value) }
            : { kind: kind === 'missing' ? kind : 'none' },
    }),
  );
  const validated = readRows(given.text('hashes'), HASH_COLUMNS).map(
    ([address, sizeBytes, resource, sha256]): ValidatedRegion => ({
      address: Number(address),
      sizeBytes: Number(sizeBytes),
      resource: Number(resource),
      sha256: String(sha256),
    }),
  );
  const scratchAddress = given.number('scratchAddress');
  return { controlAddress, statusAddress: given.number('statusAddress'), regions, validated, scratchAddress };
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

/** Memory that the protocol prepares and validates, with its number in the subject information. */
interface Resource {
  readonly mapping: MemoryMapping;
  readonly region: MemoryRegion;
  readonly number: number;
}

function resourcesOf(facts: PolicyFacts): readonly Resource[] {
  return facts.subject.memory.flatMap((mapping, index): readonly Resource[] => {
    const region = facts.region(mapping);
    if (region === undefined || KEPT_TYPES.includes(region.type) || KEPT_NAMES.includes(mapping.logical)) return [];
    if (region.name.startsWith('control_') || region.name.startsWith('status_')) return [];
    return [{ mapping, region, number: index + 1 }];
  });
}

function preparedRow(facts: PolicyFacts, { mapping, region, number }: Resource): Row {
  const { virtualAddress } = mapping;
  const { sizeBytes, content, hashRef } = region;
  if (content?.kind === 'fill') return [virtualAddress, sizeBytes, number, 'fill', content.pattern];
  if (hashRef === undefined) return [virtualAddress, sizeBytes, number, 'none', 0];
  const source = facts.subject.memory.find(row => row.physical === hashRef);
  if (source === undefined) return [virtualAddress, sizeBytes, number, 'missing', 0];
  return [virtualAddress, sizeBytes, number, 'copy', source.virtualAddress];
}

/** How a region is validated: by its hash, or why not; undefined if nothing says what it holds. */
function validatedRow({ document }: PolicyFacts, given: ReadonlySet<string>, resource: Resource): Row | undefined {
  const { mapping, region, number } = resource;
  const origin = document.memory.find(({ name }) => name === region.hashRef) ?? region;
  const hash = region.hash ?? origin.hash;
  if (origin.content === undefined || hash === 'none') return undefined;
  const row = [mapping.virtualAddress, region.sizeBytes, number];
  if (origin.content.kind === 'file' && !given.has(origin.name)) return [...row, 'absent'];
  if (hash === undefined) return origin.content.kind === 'file' ? [...row, 'unstated'] : undefined;
  return [...row, hash];
}

/**
 * What the init protocol of a subject prepares and validates.
 *
 * @param given names of the regions whose files are given.
 */
export function initParameters(facts: PolicyFacts, given: ReadonlySet<string>): ComponentParameters {
  const resources = resourcesOf(facts);
  const rows = resources.flatMap(resource => {
    const row = validatedRow(facts, given, resource);
    return row === undefined ? [] : [row];
  });
  const isHash = (row: Row): boolean => row[3] !== 'absent' && row[3] !== 'unstated';
  return present({
    controlAddress: facts.address('control'),
    statusAddress: facts.address('status'),
    regions: writeRows(resources.filter(({ mapping }) => mapping.writable).map(row => preparedRow(facts, row))),
    hashes: writeRows(rows.filter(isHash)),
    unvalidated: writeRows(rows.filter(row => !isHash(row))),
    scratchAddress: facts.address('stack'),
  });
}
