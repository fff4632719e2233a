import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';
import { reportOverlaps } from './memory.ts';
import { reportDuplicates } from './names.ts';

const MAX_IOMMUS = 8;

function checkCpus({ document }: PolicyIndex, visit: Visit): void {
  const { processor } = document.hardware;
  reportDuplicates(visit, { what: 'CPU id', entries: processor.cpus.map(node => ({ key: node.cpuId, node })) });
  for (const cpu of processor.cpus) {
    if (cpu.cpuId >= processor.cpuCores) {
      visit.report(
        cpu,
        `cpuId ${cpu.cpuId} is not below the ${processor.cpuCores} CPU cores`,
        'Number the CPUs from 0.',
      );
    }
    if (cpu.apicId % 2 !== 0) {
      visit.report(
        cpu,
        `CPU ${cpu.cpuId} has the odd APIC id ${cpu.apicId}`,
        'Muen uses one thread per core: only even APIC ids.',
      );
    }
  }
  if (processor.cpus.length !== processor.cpuCores) {
    const message = `${processor.cpus.length} <cpu> elements are given for ${processor.cpuCores} CPU cores`;
    visit.report(processor, message, 'Give one <cpu> for each core.');
  }
}

function checkCpuCount({ document, activeCpus }: PolicyIndex, visit: Visit): void {
  const { processor } = document.hardware;
  const known = new Set(processor.cpus.map(cpu => cpu.cpuId));
  for (const frame of document.scheduling.majorFrames) {
    for (const cpu of frame.cpus) {
      visit.examined();
      if (cpu.id >= processor.cpuCores || !known.has(cpu.id)) {
        const message = `CPU ${cpu.id} is scheduled, but the hardware has ${processor.cpuCores} CPU cores`;
        visit.report(cpu, message, `Use CPUs 0 .. ${processor.cpuCores - 1}.`);
      }
    }
  }
  activeCpus.forEach((cpu, position) => {
    if (cpu !== position)
      visit.report(
        document.scheduling,
        `CPU ${cpu} is scheduled, but CPU ${position} is not`,
        'Number the scheduled CPUs from 0 without gaps.',
      );
  });
}

function checkIommus({ document }: PolicyIndex, visit: Visit): void {
  const iommus = document.hardware.devices.filter(device => hasCapability(device, 'iommu'));
  visit.examined();
  if (iommus.length < 1 || iommus.length > MAX_IOMMUS) {
    visit.report(
      document.hardware,
      `the hardware has ${iommus.length} IOMMUs, expected 1 .. ${MAX_IOMMUS}`,
      'Without an IOMMU devices are not confined.',
    );
  }
  const values = iommus.map(iommu => iommu.capabilities.find(capability => capability.name === 'agaw')?.value);
  iommus.forEach((iommu, position) => {
    const agaw = values[position];
    if (agaw !== '39' && agaw !== '48') {
      visit.report(
        iommu,
        `AGAW of IOMMU '${iommu.name}' is ${agaw ?? 'not given'}, expected 39 or 48`,
        'Correct the capability agaw.',
      );
    } else if (agaw !== values[0]) {
      visit.report(
        iommu,
        `AGAW of IOMMU '${iommu.name}' is ${agaw}, of '${iommus[0]!.name}' ${values[0]}`,
        'All IOMMUs share their tables and need one AGAW.',
      );
    }
    for (const memory of iommu.memory) {
      if (memory.sizeBytes !== PAGE_SIZE_BYTES) {
        const message = `registers of IOMMU '${iommu.name}' have ${formatAddress(memory.sizeBytes)} bytes, expected 0x1000`;
        visit.report(memory, message, 'Correct the size.');
      }
    }
  });
}

/** Rules about the hardware description. */
export const HARDWARE_RULES: readonly Rule[] = [
  rule(
    {
      code: 'HW-CPUS',
      area: 'hardware',
      title: 'Validate that the CPUs of the processor are numbered from 0 and have even APIC ids.',
      severity: 'error',
    },
    checkCpus,
  ),
  rule(
    {
      code: 'HW-CPU-COUNT',
      area: 'hardware',
      title: 'Validate that the hardware provides the scheduled CPUs and they have no gaps.',
      severity: 'error',
    },
    checkCpuCount,
  ),
  rule(
    {
      code: 'HW-BLOCK-SIZE',
      area: 'hardware',
      title: 'Validate that memory blocks are page aligned, not empty and multiples of the page size.',
      severity: 'error',
    },
    ({ document }, visit) => {
      for (const block of document.hardware.memoryBlocks) {
        visit.examined();
        if (
          block.sizeBytes === 0 ||
          block.sizeBytes % PAGE_SIZE_BYTES !== 0 ||
          block.physicalAddress % PAGE_SIZE_BYTES !== 0
        ) {
          const message = `memory block '${block.name}' at ${formatAddress(block.physicalAddress)} with ${formatAddress(block.sizeBytes)} bytes does not consist of whole pages`;
          visit.report(block, message, 'Round it to page boundaries.');
        }
      }
    },
  ),
  rule(
    {
      code: 'HW-BLOCK-OVERLAP',
      area: 'hardware',
      title: 'Validate that memory blocks of the hardware do not overlap.',
      severity: 'error',
    },
    ({ document }, visit) => {
      const spans = document.hardware.memoryBlocks.map(node => ({
        start: node.physicalAddress,
        end: node.physicalAddress + node.sizeBytes,
        name: `block '${node.name}'`,
        node,
      }));
      reportOverlaps(visit, 'hardware memory', spans, 'Correct the blocks as the firmware reports them.');
    },
  ),
  rule(
    {
      code: 'HW-IOMMU',
      area: 'hardware',
      title: 'Validate that 1 to 8 IOMMUs exist and agree on a valid AGAW.',
      severity: 'error',
    },
    checkIommus,
  ),
  rule(
    {
      code: 'HW-PCI-CONFIG',
      area: 'hardware',
      title: 'Validate that PCI config space is given when there are PCI devices.',
      severity: 'error',
    },
    ({ document: { hardware } }, visit) => {
      const first = hardware.devices.find(device => device.pci !== undefined);
      if (first === undefined) return;
      visit.examined();
      if (hardware.pciConfigAddress === undefined || hardware.pciConfigSizeBytes === undefined) {
        visit.report(
          first,
          `device '${first.name}' is a PCI device, but pciConfigAddress and pciConfigSize are not both given`,
          'Add both to /system/hardware/devices.',
        );
      }
    },
  ),
];
