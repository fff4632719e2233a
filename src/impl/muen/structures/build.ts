import type { MemoryRegion, PolicyDocument, PolicyNode } from '../../../policy/document.ts';
import type { Finding } from '../../../policy/finding.ts';
import { hpa } from '../../../units/address.ts';
import type { PhysicalMemory } from '../../memory.ts';
import { buildDomainTables } from './domain-tables.ts';
import { remappingImages } from './interrupt-remapping.ts';
import { buildIoBitmap } from './io-bitmap.ts';
import { buildMsrBitmap } from './msr-bitmap.ts';
import { buildMsrStore, MAX_STORED_MSRS } from './msr-store.ts';
import type { StructureOps } from './ops.ts';
import { buildSubjectInfo } from './subject-info.ts';
import { vtdImages } from './vtd-tables.ts';

/** Content of one region, as the toolchain's generators would write it. */
export interface StructureImage {
  /** Region of the policy, for example `vt|iobm`. */
  readonly region: string;
  readonly bytes: Uint8Array;
  /** Who needs it, for messages. */
  readonly node: PolicyNode;
}

/** Bitmaps, MSR stores and subject information of all subjects; the last two only where the policy has a region for them. */
function subjectImages(document: PolicyDocument, ops: StructureOps): readonly StructureImage[] {
  const regions = new Set(document.memory.map(region => region.name));
  return document.subjects.flatMap(subject => {
    const image = (suffix: string, bytes: Uint8Array): StructureImage => ({
      region: `${subject.name}|${suffix}`,
      bytes,
      node: subject,
    });
    const store = buildMsrStore(subject, ops);
    return [
      image('iobm', buildIoBitmap(document, subject, ops)),
      image('msrbm', buildMsrBitmap(subject, ops)),
      ...(store.length === 0 ? [] : [image('msrstore', store)]),
      ...(regions.has(`${subject.name}|sinfo`) ? [image('sinfo', buildSubjectInfo(document, subject, ops))] : []),
    ];
  });
}

/** All structures that are no page tables, as the toolchain's generators write them. */
export const structureImages = (document: PolicyDocument, ops: StructureOps): readonly StructureImage[] => [
  ...subjectImages(document, ops),
  ...vtdImages(document, ops),
  ...remappingImages(document, ops),
];

const finding = (node: PolicyNode, message: string, hint: string): Finding => ({
  code: 'STRUCTURE-REGION',
  severity: 'error',
  message,
  line: node.at.line,
  column: node.at.column,
  hint,
});

function problemOf({ region: name, bytes, node }: StructureImage, region: MemoryRegion | undefined): Finding[] {
  if (region === undefined)
    return [finding(node, `there is no memory region '${name}'`, 'expand the policy with mucfgexpand, which adds it')];
  if (name.endsWith('|msrstore') && bytes.length > MAX_STORED_MSRS * 16)
    return [
      finding(node, `'${name}' would hold more than ${MAX_STORED_MSRS} MSRs`, 'let the subject write fewer MSRs'),
    ];
  return bytes.length <= region.sizeBytes
    ? []
    : [
        finding(
          region,
          `region '${name}' has ${region.sizeBytes} bytes, its content ${bytes.length}`,
          'enlarge the region (mucfgexpand sizes it)',
        ),
      ];
}

/**
 * Builds all structures besides the page tables of kernels and subjects at the places that the policy allocates. The result
 * lists what cannot be placed; nothing is written for a region with a finding.
 */
export function buildStructures(
  memory: PhysicalMemory,
  document: PolicyDocument,
  ops: StructureOps,
): readonly Finding[] {
  return [
    ...writeImages(memory, document, structureImages(document, ops)),
    ...buildDomainTables(memory, document, ops),
  ];
}

/** Writes images to their regions. */
function writeImages(
  memory: PhysicalMemory,
  document: PolicyDocument,
  images: readonly StructureImage[],
): readonly Finding[] {
  const regions = new Map(document.memory.map(region => [region.name, region]));
  return images.flatMap(image => {
    const region = regions.get(image.region);
    const problems = problemOf(image, region);
    if (problems.length === 0 && region !== undefined) memory.writeBytes(hpa(region.physicalAddress), image.bytes);
    return problems;
  });
}
