import type { DeviceDomain, PolicyDocument } from '../../../policy/document.ts';
import type { PageMapping } from '../../x86/paging-layout.ts';

/** What the devices of a domain shall reach by DMA; references that lead nowhere are left out, a policy rule reports them. */
export function collectDomainMappings(document: PolicyDocument, domain: DeviceDomain): readonly PageMapping[] {
  return domain.memory.flatMap(mapping => {
    const region = document.memory.find(candidate => candidate.name === mapping.physical);
    if (region === undefined) return [];
    const { physicalAddress, sizeBytes, caching } = region;
    const { logical: name, virtualAddress, writable, executable, at } = mapping;
    return [{ name, virtualAddress, physicalAddress, sizeBytes, writable, executable, caching, line: at.line }];
  });
}
