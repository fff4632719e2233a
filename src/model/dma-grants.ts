import type { DeviceDomain, PolicyDocument } from '../policy/document.ts';
import { domainGrants, type Grant } from './grants.ts';

/** A PCI function whose DMA the policy sends through a device domain. */
export interface DmaSource {
  readonly bus: number;
  readonly device: number;
  readonly function: number;
  readonly name: string;
  readonly domain: DeviceDomain;
  /** Policy line of the domain's reference to the device. */
  readonly line: number;
}

/** What each PCI function may do by DMA; a function that is not listed may do nothing. */
export function dmaSources(document: PolicyDocument): readonly DmaSource[] {
  const pci = new Map(document.hardware.devices.map(device => [device.name, device.pci]));
  return document.deviceDomains.flatMap(domain =>
    domain.devices.flatMap(reference => {
      const place = pci.get(reference.physical);
      if (place === undefined) return [];
      const { bus, device, function: number } = place;
      return [{ bus, device, function: number, name: reference.physical, domain, line: reference.at.line }];
    }),
  );
}

/** Memory that the devices of a domain may access by DMA. */
export const dmaGrants = (document: PolicyDocument, domain: DeviceDomain): readonly Grant[] =>
  domainGrants(document, domain);

/** Width in bits of the addresses that the IOMMUs translate: capability `agaw`, 39 unless an IOMMU says otherwise (muen.md 6.4). */
export function dmaAddressBits(document: PolicyDocument): 39 | 48 {
  const widths = document.hardware.devices.flatMap(({ capabilities }) =>
    capabilities.some(({ name }) => name === 'iommu')
      ? capabilities.filter(({ name }) => name === 'agaw').map(({ value }) => value.trim())
      : [],
  );
  return widths.includes('48') ? 48 : 39;
}
