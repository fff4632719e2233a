import type { DeviceDomain, PciAddress, PolicyDocument } from '../../../policy/document.ts';
import type { Hpa } from '../../../units/address.ts';
import { highWord, lowWord } from '../../../units/word.ts';
import { encodeEptLeaf, encodeEptTable } from '../../vmx/ept.ts';
import type { EntryWords, PageMapping } from '../../x86/paging-layout.ts';
import type { StructureImage } from './build.ts';
import type { StructureOps } from './ops.ts';

/** Bytes of a root, context or interrupt-remapping table: 256 entries of 16 bytes. */
export const VTD_TABLE_BYTES = 0x1000;
const ENTRY_BYTES = 16;

/** A 128-bit entry as four unsigned words, lowest first. */
export type WideEntry = readonly [number, number, number, number];

/** A PCI function of a domain. */
export interface DomainDevice {
  readonly pci: PciAddress;
  readonly domain: DeviceDomain;
}

export const writeWide = (table: DataView, index: number, entry: WideEntry): void => {
  for (const [word, value] of entry.entries()) table.setUint32(index * ENTRY_BYTES + word * 4, value >>> 0, true);
};

/** Root entry: present, context-table pointer (VT-d specification, "Root Entry"). */
export const encodeRootEntry = (contextTable: Hpa): WideEntry => [
  (lowWord(contextTable) | 1) >>> 0,
  highWord(contextTable),
  0,
  0,
];

/** Context entry: present, translate through second-level tables, address width, domain id (VT-d specification, "Context Entry"). */
export function encodeContextEntry(tables: Hpa, addressBits: 39 | 48, domainId: number): WideEntry {
  const addressWidth = addressBits === 48 ? 2 : 1;
  return [(lowWord(tables) | 1) >>> 0, highWord(tables), addressWidth | (domainId << 8), 0];
}

/** Second-level leaf: Muen writes it like an EPT leaf; the IOMMU ignores memory type and software bits (muen.md 6.6). */
export const encodeDmaLeaf = (address: Hpa, mapping: PageMapping): EntryWords => encodeEptLeaf(address, mapping);

/** Second-level entry that references a lower table. */
export const encodeDmaTable = (address: Hpa): EntryWords => encodeEptTable(address);

/** Devices of all domains, in document order. */
export function domainDevices(document: PolicyDocument): readonly DomainDevice[] {
  return document.deviceDomains.flatMap(domain =>
    domain.devices.flatMap(reference => {
      const pci = document.hardware.devices.find(device => device.name === reference.physical)?.pci;
      return pci === undefined ? [] : [{ pci, domain }];
    }),
  );
}

/** Address width that the IOMMUs are set to; they agree by policy rule. */
export function addressWidth(document: PolicyDocument): 39 | 48 {
  const iommu = document.hardware.devices.find(device => device.capabilities.some(({ name }) => name === 'iommu'));
  return iommu?.capabilities.find(({ name }) => name === 'agaw')?.value.trim() === '48' ? 48 : 39;
}

const regionAddress = (document: PolicyDocument, name: string): Hpa =>
  (document.memory.find(region => region.name === name)?.physicalAddress ?? 0) as Hpa;

/** Context table of one bus: an entry for each function of a domain, all others block DMA. */
function contextTable(
  document: PolicyDocument,
  bus: number,
  devices: readonly DomainDevice[],
  ops: StructureOps,
): Uint8Array {
  const table = new DataView(new ArrayBuffer(VTD_TABLE_BYTES));
  for (const device of devices) {
    if (device.pci.bus !== bus) continue;
    const domain = ops.domainOf(document, device);
    const tables = regionAddress(document, `vtd_${domain.name}_pt`);
    const index = ops.contextIndex(device.pci);
    writeWide(table, index, ops.encodeContextEntry(tables, addressWidth(document), domain.id));
  }
  return new Uint8Array(table.buffer);
}

/** Index of a function in the context table of its bus. */
export const contextIndex = ({ device, function: number }: PciAddress): number => device * 8 + number;

/** Domain whose tables a device gets. */
export const domainOf = (_document: PolicyDocument, device: DomainDevice): DeviceDomain => device.domain;

/** Root and context tables (Muen: mugenvtd; regions `vtd_root` and `vtd_context_bus_<n>`); none if the policy allocates no root. */
export function vtdImages(document: PolicyDocument, ops: StructureOps): readonly StructureImage[] {
  if (!document.memory.some(region => region.type === 'system_vtd_root')) return [];
  const devices = domainDevices(document);
  const buses = [...new Set(devices.map(({ pci }) => pci.bus))].sort((a, b) => a - b);
  const root = new DataView(new ArrayBuffer(VTD_TABLE_BYTES));
  for (const bus of buses) writeWide(root, bus, ops.encodeRootEntry(regionAddress(document, `vtd_context_bus_${bus}`)));
  return [
    { region: 'vtd_root', bytes: new Uint8Array(root.buffer), node: document.hardware },
    ...buses.map(bus => ({
      region: `vtd_context_bus_${bus}`,
      bytes: contextTable(document, bus, devices, ops),
      node: document.hardware,
    })),
  ];
}
