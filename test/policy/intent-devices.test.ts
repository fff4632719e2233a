import { describe, expect, it } from 'vitest';
import type { DeviceDomain, LogicalDevice, MemoryMapping, PolicyDocument } from '../../src/policy/document.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import {
  ADDED_LINE,
  addMapping,
  DEMO,
  editSubject,
  goldenText,
  haveGolden,
  needsGolden,
  parse,
} from './intent-editing.ts';

const demo = haveGolden ? parse(goldenText(DEMO)) : undefined;
const codes = (document: PolicyDocument): string[] => inferIntent(document).violations.map(found => found.code);

const at = { line: ADDED_LINE, column: 1 };
const give = (document: PolicyDocument, subject: string, device: Partial<LogicalDevice>): PolicyDocument =>
  editSubject(document, subject, old => ({
    ...old,
    devices: [...old.devices, { at, logical: 'added', physical: '', irqs: [], memory: [], ioPorts: [], ...device }],
  }));
const editDomain = (
  document: PolicyDocument,
  name: string,
  edit: (domain: DeviceDomain) => DeviceDomain,
): PolicyDocument => ({
  ...document,
  deviceDomains: document.deviceDomains.map(domain => (domain.name === name ? edit(domain) : domain)),
});
const mapInDomain = (document: PolicyDocument, name: string, fields: Partial<MemoryMapping>): PolicyDocument => {
  const mapping = {
    at,
    logical: 'added',
    physical: '',
    virtualAddress: 0x7_0000_0000,
    writable: true,
    executable: false,
    ...fields,
  };
  return editDomain(document, name, domain => ({ ...domain, memory: [...domain.memory, mapping] }));
};
const MEM1 = {
  at,
  logical: 'mem1',
  physical: 'mem1',
  virtualAddress: 0x7_0000_0000,
  writable: true,
  executable: false,
};
const MMCONF = { ...MEM1, logical: 'mmconf', physical: 'mmconf' };

describe.skipIf(!demo)(`devices of the demo system${needsGolden}`, () => {
  const document = demo!;

  it('finds a device with two subjects, at the later assignment', () => {
    const [found] = inferIntent(
      give(document, 'vt', { physical: 'sata_controller_1', memory: [MEM1] }),
    ).violations.filter(({ code }) => code === 'INTENT-DEVICE-SHARED');
    expect([found!.line, ...found!.relatedLines]).toContain(ADDED_LINE);
    expect(found!.message).toContain("'ahci_drv'");
  });

  it('accepts configuration space alone only within the scheduling group', () => {
    const bare = editSubject(document, 'storage_linux', subject => ({
      ...subject,
      devices: subject.devices.map(device => ({
        ...device,
        memory: device.memory.filter(m => m.physical !== 'mmconf'),
      })),
    }));
    const config = { physical: 'usb_controller_1', memory: [MMCONF] };
    expect(codes(give(bare, 'storage_dm', config))).toEqual([]);
    expect(codes(give(bare, 'vt', config))).toEqual(['INTENT-DEVICE-SHARED']);
    expect(codes(give(document, 'storage_dm', config))).toContain('INTENT-DEVICE-SHARED');
  });

  it('finds devices of the kernel with a subject, apart from the debug console', () => {
    expect(codes(give(document, 'vt', { physical: 'ioapic_1', memory: [MEM1] }))).toContain('INTENT-KERNEL-DEVICE');
    const console = inferIntent(document).explained.filter(({ rule }) => rule === 'kernel-diagnostics');
    expect(console.map(({ holder, resource }) => [holder, resource])).toEqual([['dbgserver', 'com_1']]);
  });

  it('finds functions of one PCI device and equal I/O ports', () => {
    const usb = document.hardware.devices.find(({ name }) => name === 'usb_controller_1')!;
    const moved: PolicyDocument = {
      ...document,
      hardware: {
        ...document.hardware,
        devices: document.hardware.devices.map(device => {
          if (device.name === 'sata_controller_1') return { ...device, pci: { ...usb.pci!, function: 1 } };
          if (device.name !== 'cmos_rtc') return device;
          return { ...device, ioPorts: device.ioPorts.map(port => ({ ...port, start: 0x60, end: 0x71 })) };
        }),
      },
    };
    const { violations } = inferIntent(moved);
    expect(violations.map(({ code }) => code).sort()).toEqual(['INTENT-IO-PORT-SHARED', 'INTENT-MULTIFUNCTION-SHARED']);
    expect(violations.find(({ code }) => code === 'INTENT-IO-PORT-SHARED')!.message).toContain('0x60..0x60');
  });

  it('finds DMA to what no subject of the domain maps, or only reads', () => {
    expect(codes(mapInDomain(document, 'nic_domain', { physical: 'vt|data' }))).toEqual(['INTENT-DOMAIN-REGION']);
    expect(codes(mapInDomain(document, 'nic_domain', { physical: 'storage_linux|ram' }))).toEqual([
      'INTENT-DOMAIN-REGION',
    ]);
    expect(codes(mapInDomain(document, 'nic_domain', { physical: 'nic_linux|sinfo' }))).toEqual([
      'INTENT-DOMAIN-WRITES',
    ]);
    expect(codes(mapInDomain(document, 'nic_domain', { physical: 'nic_linux|sinfo', writable: false }))).toEqual([]);
    expect(codes(mapInDomain(document, 'nic_domain', { physical: 'vt|pt' }))).toEqual(['INTENT-KERNEL-MEMORY']);
  });

  it('explains memory of a peer with a common buffer, within the rights of the peer, and warns about it', () => {
    const alone = editDomain(document, 'storage_domain', domain => ({
      ...domain,
      devices: domain.devices.filter(device => device.physical === 'sata_controller_1'),
    }));
    const intent = inferIntent(alone);
    expect(intent.violations).toEqual([]);
    const peers = intent.explained.filter(({ rule }) => rule === 'domain-peer');
    expect(peers.map(({ resource }) => resource)).toEqual(['storage_linux|lowmem', 'storage_linux|ram']);
    expect(intent.warnings.map(({ code }) => code)).toContain('INTENT-SHARED-DOMAIN');
    expect(codes(mapInDomain(alone, 'storage_domain', { physical: 'storage_linux|sinfo' }))).toEqual([
      'INTENT-DOMAIN-REGION',
    ]);
    const apart = editDomain(alone, 'storage_domain', domain => ({
      ...domain,
      memory: domain.memory.filter(mapping => mapping.physical !== 'blockdev_shm1'),
    }));
    expect(codes(apart)).toEqual(['INTENT-DOMAIN-REGION', 'INTENT-DOMAIN-REGION']);
  });

  it('lets one domain map reserved memory, at its physical address', () => {
    const rmrr = {
      ...document.memory[0]!,
      name: 'rmrr1',
      type: 'device_rmrr' as const,
      physicalAddress: 0x7000_0000,
      sizeBytes: 0x1000,
    };
    const reserved = { ...document, memory: [...document.memory, rmrr] };
    const identity = { physical: 'rmrr1', virtualAddress: 0x7000_0000 };
    const one = mapInDomain(reserved, 'nic_domain', identity);
    expect(codes(one)).toEqual([]);
    expect(codes(mapInDomain(reserved, 'nic_domain', { physical: 'rmrr1' }))).toEqual(['INTENT-RESERVED-MEMORY']);
    expect(codes(mapInDomain(one, 'storage_domain', identity))).toEqual([
      'INTENT-RESERVED-MEMORY',
      'INTENT-RESERVED-MEMORY',
    ]);
    expect(codes(addMapping(reserved, 'vt', { physical: 'rmrr1' }))).toEqual(['INTENT-RESERVED-MEMORY']);
  });

  it('finds a region on top of device memory of another subject', () => {
    const memory = document.hardware.devices.find(({ name }) => name === 'sata_controller_1')!.memory[0]!;
    const edited = {
      ...document,
      memory: document.memory.map(r => (r.name === 'vt|stack' ? { ...r, physicalAddress: memory.physicalAddress } : r)),
    };
    expect(codes(edited)).toEqual(['INTENT-OVERLAP']);
  });

  it('shows DMA across subjects that the domains of the demo system allow', () => {
    const found = inferIntent(document).warnings.filter(({ code }) => code === 'INTENT-SHARED-DOMAIN');
    expect(found.map(({ message }) => message.match(/the devices of '(\w+)'/)?.[1])).toEqual([
      'ahci_drv',
      'storage_linux',
    ]);
    expect(found[0]!.message).toContain("'storage_linux|ram'");
  });
});
