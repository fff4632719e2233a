import type { Fault } from './fault.ts';
import { seamFaults } from './fault-parts.ts';

const PORTS = 'isolation/io-bitmaps';
const MSRS = 'isolation/msr-bitmaps';
const STORES = 'isolation/msr-stores';
const DMA = 'isolation/vtd-tables';
const TRANSFERS = 'isolation/dma-confined';
const INTERRUPTS = 'isolation/interrupt-remapping';
const INFO = 'isolation/subject-info';
const scenario = 'device-domains';

const PAGE_SIZE_BIT = 1 << 7;
const PASS_THROUGH = 2 << 2;

/** Defects of the builders of bitmaps, MSR stores, VT-d tables and subject information. */
export const STRUCTURE_FAULTS: readonly Fault[] = seamFaults('structures', [
  {
    id: 'io-port-beyond-range',
    title: 'the I/O bitmap also opens the port behind each range',
    precedent: 'XSA-329 (CVE-2020-15852): I/O port permissions that a task did not have',
    killedBy: [PORTS],
    scenario,
    replace: ops => ({ allowPorts: (bitmap, start, end) => ops.allowPorts(bitmap, start, end + 1) }),
  },
  {
    id: 'io-bit-order',
    title: 'bits of the I/O bitmap are counted from the wrong end of their byte',
    precedent: 'Muen dcbf5cedf (2016-05): the number of a flag counted from the wrong end',
    killedBy: [PORTS],
    scenario,
    replace: () => ({
      allowPorts(bitmap, start, end) {
        for (let port = start; port <= end; port++) bitmap[port >>> 3]! &= ~(0x80 >>> (port & 7));
      },
    }),
  },
  {
    id: 'msr-read-only-writable',
    title: 'an MSR that may be read can be written as well, and the other way around',
    precedent: 'XSA-269 (CVE-2018-15468): a guest could write bits of an MSR that it may only read',
    killedBy: [MSRS],
    scenario,
    replace: ops => ({ allowMsrs: (bitmap, range) => ops.allowMsrs(bitmap, { ...range, mode: 'rw' }) }),
  },
  {
    id: 'msr-beyond-range',
    title: 'the MSR bitmap also opens the MSR behind each range',
    precedent: 'XSA-108 (CVE-2014-7188): a range of MSRs longer than the one meant',
    killedBy: [MSRS],
    scenario,
    replace: ops => ({ allowMsrs: (bitmap, range) => ops.allowMsrs(bitmap, { ...range, end: range.end + 1 }) }),
  },
  {
    id: 'msr-store-index',
    title: 'the MSR store names the MSR behind each one that it should switch',
    precedent: 'Muen f9a0bc91a (2016-10): values of MSRs outlived their subject',
    killedBy: [STORES],
    scenario,
    replace: ops => ({ storedMsrs: subject => ops.storedMsrs(subject).map(msr => msr + 1) }),
  },
  {
    id: 'dma-wrong-domain',
    title: 'every device gets the tables of the domain after its own',
    precedent: 'XSA-36 (CVE-2013-0153): one table used for the devices of all guests',
    killedBy: [DMA, TRANSFERS],
    scenario,
    replace: ops => ({
      domainOf(document, device) {
        const domains = document.deviceDomains;
        const own = domains.indexOf(ops.domainOf(document, device));
        return domains[(own + 1) % domains.length]!;
      },
    }),
  },
  {
    id: 'dma-leaf-writable',
    title: 'devices may write everything that they may read',
    precedent: 'XSA-378 (CVE-2021-28694): IOMMU mappings with more rights than meant',
    killedBy: [DMA],
    scenario,
    replace: ops => ({
      encodeDmaLeaf: (address, mapping) => ops.encodeDmaLeaf(address, { ...mapping, writable: true }),
    }),
  },
  {
    id: 'dma-index-alias',
    title: 'addresses of two gigabytes share the first entry of a three-level layout',
    precedent: 'Muen 2ab34317f (2014-08): the table index calculation mapped different addresses to one entry',
    killedBy: [DMA],
    scenario,
    replace: ops => ({ dmaTableIndex: (address, level) => (level === 3 ? 0 : ops.dmaTableIndex(address, level)) }),
  },
  {
    id: 'dma-large-page',
    title: 'entries that reference tables are marked as large pages',
    precedent: 'Muen 51acbf189 (2019-07): large pages in three-level layouts',
    killedBy: [DMA],
    scenario,
    replace: ops => ({
      encodeDmaTable(address) {
        const entry = ops.encodeDmaTable(address);
        return { ...entry, low: (entry.low | PAGE_SIZE_BIT) >>> 0 };
      },
    }),
  },
  {
    id: 'context-wrong-function',
    title: 'the context entry of a device is that of its next function',
    precedent: 'Muen 45af27e52 (2018-01): a physical address of a PCI device used for another one',
    killedBy: [DMA],
    scenario,
    replace: ops => ({ contextIndex: pci => ops.contextIndex(pci) + 1 }),
  },
  {
    id: 'context-address-width',
    title: 'the address width of the IOMMU is ignored',
    precedent: 'Muen bc40c7bd6 (2015-08): the AGAW capability was ignored because of a wrong XPath',
    killedBy: [DMA],
    scenario,
    replace: ops => ({ encodeContextEntry: (tables, _bits, id) => ops.encodeContextEntry(tables, 48, id) }),
  },
  {
    id: 'context-one-domain-id',
    title: 'all devices share one domain id, hence cached translations',
    precedent: 'XSA-36 (CVE-2013-0153): remapping state of all guests shared',
    killedBy: [DMA],
    scenario,
    replace: ops => ({ encodeContextEntry: (tables, bits) => ops.encodeContextEntry(tables, bits, 1) }),
  },
  {
    id: 'context-pass-through',
    title: 'DMA passes through untranslated',
    precedent: 'XSA-400 (CVE-2022-26358): devices left with identity mappings',
    killedBy: [DMA, TRANSFERS],
    scenario,
    replace: ops => ({
      encodeContextEntry(tables, bits, id) {
        const [first, second, third, fourth] = ops.encodeContextEntry(tables, bits, id);
        return [(first | PASS_THROUGH) >>> 0, second, third, fourth];
      },
    }),
  },
  {
    id: 'irte-source-not-verified',
    title: 'any device may use the interrupt-remapping entries of all others',
    precedent: 'XSA-3 (CVE-2011-1898): a device could raise interrupts that were not its own',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({
      encodeIrte(remapping) {
        const [first, second, third, fourth] = ops.encodeIrte(remapping);
        return [first, second, third & 0xffff, fourth];
      },
    }),
  },
  {
    id: 'irte-wrong-source',
    title: 'message-signalled interrupts are accepted from the I/O APIC instead of the device',
    precedent: 'CVE-2013-3495 (XSA-59): interrupts that evade their remapping',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({
      sourceIdOf: (document, device, irq) =>
        ops.sourceIdOf(
          document,
          device.pci === undefined ? device : { ...device, pci: { ...device.pci, msi: false } },
          irq,
        ),
    }),
  },
  {
    id: 'irte-wrong-vector',
    title: 'interrupts are delivered with the vector after their own',
    precedent: 'XSA-237 (CVE-2017-15590): interrupts mapped to the wrong vector',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({ encodeIrte: remapping => ops.encodeIrte({ ...remapping, vector: remapping.vector + 1 }) }),
  },
  {
    id: 'irte-wrong-cpu',
    title: 'all interrupts go to the boot processor',
    precedent: 'Muen 854cf922d (2014-12): destinations of the shared table fixed up once too often',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({ encodeIrte: remapping => ops.encodeIrte({ ...remapping, destination: 0 }) }),
  },
  {
    id: 'irte-unassigned',
    title: 'the table also remaps interrupts that no subject has',
    precedent: 'Muen 2f936526e (2018-08): interrupts taken from the physical instead of the assigned device',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({
      assignedInterrupts(document, own) {
        const assigned = ops.assignedInterrupts(document, own);
        const others = document.hardware.devices.flatMap(device =>
          device.irqs.map(({ number }) => ({
            irq: number,
            vector: number + 32,
            destination: 0,
            isLevel: false,
            sourceId: own.sourceIdOf(document, device, number),
          })),
        );
        return [...others.filter(({ irq }) => assigned.every(taken => taken.irq !== irq)), ...assigned];
      },
    }),
  },
  {
    id: 'irte-missing',
    title: 'message-signalled interrupts have no entry',
    precedent: 'Muen 318bc4286 (2016-04): a remapping that never became effective',
    killedBy: [INTERRUPTS],
    scenario,
    replace: ops => ({
      assignedInterrupts: (document, own) => ops.assignedInterrupts(document, own).filter(({ irq }) => irq <= 23),
    }),
  },
  {
    id: 'subject-info-of-neighbour',
    title: 'a subject is also told of the memory of the subject after it',
    precedent: 'XSA-46 (CVE-2013-1919): resources shown to a guest that does not have them',
    killedBy: [INFO],
    scenario,
    replace: ops => ({
      subjectResources(document, subject) {
        const neighbour = document.subjects[document.subjects.indexOf(subject) + 1];
        const first = neighbour === undefined ? [] : ops.subjectResources(document, neighbour).slice(0, 1);
        return [...ops.subjectResources(document, subject), ...first];
      },
    }),
  },
  {
    id: 'subject-info-interrupts',
    title: 'a device is described with one interrupt more than its subject has',
    precedent: 'Muen 2f936526e (2018-08): the range of interrupts taken from the physical device',
    killedBy: [INFO],
    scenario,
    replace: ops => ({
      subjectResources: (document, subject) =>
        ops
          .subjectResources(document, subject)
          .map(resource =>
            resource.kind === 'device' ? { ...resource, interruptCount: resource.interruptCount + 1 } : resource,
          ),
    }),
  },
]);
