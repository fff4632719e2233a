import type { DmaOps } from '../impl/dma/dma-remapping.ts';
import type { Seams } from '../impl/seams.ts';
import type { Fault } from './fault.ts';

const DMA = 'isolation/dma-confined';
const scenario = 'device-domains';

interface DmaFaultSpec extends Pick<Fault, 'id' | 'title' | 'precedent'>, Partial<Pick<Fault, 'killedBy'>> {
  readonly replace: (ops: DmaOps) => Partial<DmaOps>;
}

const dmaFault = ({ replace, killedBy = [DMA], ...head }: DmaFaultSpec): Fault => ({
  ...head,
  killedBy,
  seam: 'machine',
  scenario,
  apply(seams: Seams) {
    const { dma } = seams.machine;
    return { ...seams, machine: { ...seams.machine, dma: { ...dma, ...replace(dma) } } };
  },
});

/** Defects of the IOMMU when devices do DMA. */
export const DMA_FAULTS: readonly Fault[] = [
  dmaFault({
    id: 'dma-untranslated',
    title: 'devices reach physical memory although translation is on',
    precedent: 'XSA-59 (CVE-2013-3495): devices that the IOMMU did not confine',
    killedBy: [DMA, 'isolation/noninterference'],
    replace: () => ({ isTranslated: () => false }),
  }),
  dmaFault({
    id: 'dma-write-as-read',
    title: 'the IOMMU checks a write like a read',
    precedent: 'XSA-378 (CVE-2021-28694): DMA with more rights than the mapping was meant to give',
    replace: ops => ({ permits: rights => ops.permits(rights, false) }),
  }),
  dmaFault({
    id: 'iotlb-without-domain',
    title: 'the IOTLB remembers translations by address alone, and rights of one device serve all',
    precedent: 'XSA-442 (CVE-2023-34326): stale IOMMU TLB entries gave devices access to memory of others',
    replace: () => ({ iotlbTag: (_domain, page) => String(page % 0x4_0000) }),
  }),
  dmaFault({
    id: 'dma-requester-function',
    title: 'requests of all functions of a device count as those of function 0 of the next one',
    precedent: 'XSA-237 (CVE-2017-15590): requester ids of devices mixed up',
    replace: ops => ({ requester: source => ops.requester((source + 8) & 0xffff) }),
  }),
  dmaFault({
    id: 'dma-page-border',
    title: 'a request that crosses a page is translated once, for its first byte',
    precedent: 'CVE-2019-14835: the end of a guest buffer was not checked when the host moved it',
    replace: () => ({ bytesInPage: () => 0x1000 }),
  }),
];
