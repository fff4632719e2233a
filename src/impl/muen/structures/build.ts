import type { MemoryRegion, PolicyDocument, PolicyNode } from '../../../policy/document.ts';
import type { Finding } from '../../../policy/finding.ts';
import { hpa } from '../../../units/address.ts';
import type { PhysicalMemory } from '../../memory.ts';
import { buildIoBitmap } from './io-bitmap.ts';
import { buildMsrBitmap } from './msr-bitmap.ts';
import { buildMsrStore, MAX_STORED_MSRS } from './msr-store.ts';
import type { StructureOps } from './ops.ts';

/** Content of one region, as the toolchain's generators would write it. */
export interface StructureImage {
  /** Region of the policy, for example `vt|iobm`. */
  readonly region: string;
  readonly bytes: Uint8Array;
  /** Who needs it, for messages. */
  readonly node: PolicyNode;
}

/** Bitmaps and MSR stores of all subjects; a store only where one is needed. */
export function subjectImages(document: PolicyDocument, ops: StructureOps): readonly StructureImage[] {
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
    ];
  });
}

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

/** Writes images to the places that the policy allocates for them; nothing is written for a region with a finding. */
export function writeImages(
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
