import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import type { PhysicalDevice } from '../document.ts';
import { hasCapability, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';
import { reportOverlaps } from './memory.ts';
import { reportDuplicates } from './names.ts';

const MAX_IOMMUS = 8;
/** Port of the power management control register PM1A (muen.md section 2, source action system_poweroff). */
const POWEROFF_PORT_NAME = 'pm1a_cnt';
/** A PCI requester id: bus, device and function. */
const MAX_SOURCE_ID = 0xffff;

/** Value of a capability, undefined when the device lacks it. */
const capability = (device: PhysicalDevice, name: string): string | undefined =>
  device.capabilities.find(entry => entry.name === name)?.value;

const withCapability = ({ document }: PolicyIndex, name: string): readonly PhysicalDevice[] =>
  document.hardware.devices.filter(device => hasCapability(device, name));

const isDecimal = (text: string | undefined): text is string => text !== undefined && /^[0-9]{1,9}$/.test(text);

function checkCpus({ document }: PolicyIndex, visit: Visit): void {
  const { processor } = document.hardware;
  for (const _ of processor.cpus) visit.examined();
  if (processor.cpus.length !== processor.cpuCores) {
    const message = `${processor.cpus.length} <cpu> elements are given for ${processor.cpuCores} CPU cores`;
    visit.report(processor, message, 'Give one <cpu> for each core.');
  }
  const ids = new Set(processor.cpus.map(cpu => cpu.cpuId));
  for (let id = 0; id < processor.cpus.length; id++) {
    if (ids.has(id)) continue;
    const message = `no <cpu> has cpuId ${id}, but there are ${processor.cpus.length} of them`;
    visit.report(processor, message, 'Number the CPUs from 0 without gaps.');
  }
  if (!processor.cpus.some(cpu => cpu.apicId === 0)) {
    visit.report(processor, 'no <cpu> has APIC id 0, expected for the CPU that boots', 'Add the boot processor.');
  }
}

function checkBoard(index: PolicyIndex, visit: Visit): void {
  const boards = withCapability(index, 'systemboard');
  visit.examined();
  if (boards.length !== 1) {
    const message = `${boards.length} devices have the capability systemboard, expected 1`;
    visit.report(boards[1] ?? index.document.hardware, message, 'Describe the system board once.');
  }
  for (const board of boards) {
    const ports = board.ioPorts.map(port => port.name);
    if (ports.length < 2 || !ports.includes(POWEROFF_PORT_NAME)) {
      const message = `system board '${board.name}' has the I/O ports ${ports.join(', ') || 'none'}, expected '${POWEROFF_PORT_NAME}' and one for reset`;
      visit.report(board, message, 'The kernel needs them to power off and to reset the system.');
    }
    const sleep = capability(board, 'pm1a_cnt_slp_typ');
    if (!isDecimal(sleep)) {
      const message = `capability pm1a_cnt_slp_typ of '${board.name}' is '${sleep ?? 'not given'}', expected a number`;
      visit.report(board, message, 'The kernel writes it to power off the system.');
    }
  }
}

function checkIoApics(index: PolicyIndex, visit: Visit): void {
  const ioapics = withCapability(index, 'ioapic');
  const mapped = ioapics.filter(device => device.memory.length > 0);
  for (const _ of ioapics) visit.examined();
  if (mapped.length === 0) {
    const message = `${mapped.length} I/O APICs with memory exist, expected at least 1`;
    visit.report(ioapics[0] ?? index.document.hardware, message, 'Interrupts of devices are routed through it.');
  }
}

function checkSourceIds(index: PolicyIndex, visit: Visit): void {
  for (const ioapic of withCapability(index, 'ioapic')) {
    visit.examined();
    const text = capability(ioapic, 'source_id');
    const digits = /^16#([0-9a-fA-F]{4})#$/.exec(text ?? '')?.[1];
    if (digits === undefined || Number.parseInt(digits, 16) > MAX_SOURCE_ID) {
      const message = `capability source_id of I/O APIC '${ioapic.name}' is '${text ?? 'not given'}', expected 16#0000# .. 16#ffff#`;
      visit.report(ioapic, message, 'Interrupt remapping accepts requests of this PCI id only; see the DMAR table.');
    }
  }
}

function checkIommus(index: PolicyIndex, visit: Visit): void {
  const iommus = withCapability(index, 'iommu');
  for (const _ of iommus) visit.examined();
  const mapped = iommus.filter(device => device.memory.length > 0);
  if (mapped.length < 1 || mapped.length > MAX_IOMMUS) {
    const message = `the hardware has ${mapped.length} IOMMUs with memory, expected 1 .. ${MAX_IOMMUS}`;
    visit.report(index.document.hardware, message, 'Without an IOMMU devices are not confined.');
  }
}

function checkAgaw(index: PolicyIndex, visit: Visit): void {
  const iommus = withCapability(index, 'iommu');
  const first = iommus[0] === undefined ? undefined : capability(iommus[0], 'agaw');
  for (const iommu of iommus) {
    visit.examined();
    const agaw = capability(iommu, 'agaw');
    if (agaw !== '39' && agaw !== '48') {
      const message = `AGAW of IOMMU '${iommu.name}' is ${agaw ?? 'not given'}, expected 39 or 48`;
      visit.report(iommu, message, 'Correct the capability agaw.');
    } else if (agaw !== first) {
      const message = `AGAW of IOMMU '${iommu.name}' is ${agaw}, of '${iommus[0]!.name}' ${first}`;
      visit.report(iommu, message, 'All IOMMUs share their tables and need one AGAW.');
    }
  }
}

function checkOffsets(index: PolicyIndex, visit: Visit): void {
  for (const iommu of withCapability(index, 'iommu')) {
    visit.examined();
    for (const name of ['fr_offset', 'iotlb_invalidate_offset']) {
      const text = capability(iommu, name);
      if (isDecimal(text) && Number(text) < PAGE_SIZE_BYTES) continue;
      const message = `capability ${name} of IOMMU '${iommu.name}' is '${text ?? 'not given'}', expected a byte offset below ${PAGE_SIZE_BYTES}`;
      visit.report(iommu, message, 'The kernel finds the registers at this offset (CAP.FRO, ECAP.IRO).');
    }
  }
}

interface CapabilityRange {
  /** Capability of the devices that have the number, and its name. */
  readonly kind: string;
  readonly name: string;
  readonly low: number;
  readonly high: number;
  /** Only `low` plus a multiple of it is possible. */
  readonly step: number;
}

/** Numbers as the registers have them which the capabilities describe; all are decimal. */
const CAPABILITY_RANGES: readonly CapabilityRange[] = [
  // 82093AA data sheet, IOAPICVER: the highest entry is 0 .. 239.
  { kind: 'ioapic', name: 'max_redirection_entry', low: 0, high: 239, step: 1 },
  { kind: 'ioapic', name: 'gsi_base', low: 0, high: 255, step: 1 },
  // VT-d specification: CAP.FRO and ECAP.IRO count 16 bytes, and IOTLB_REG is the second register at IRO.
  { kind: 'iommu', name: 'fr_offset', low: 0, high: PAGE_SIZE_BYTES - 16, step: 16 },
  { kind: 'iommu', name: 'iotlb_invalidate_offset', low: 8, high: PAGE_SIZE_BYTES - 8, step: 16 },
  { kind: 'iommu', name: 'nfr', low: 1, high: 255, step: 1 },
  { kind: 'systemboard', name: 'pm1a_cnt_slp_typ', low: 0, high: 65_535, step: 1 },
];

function checkCapabilityRanges(index: PolicyIndex, visit: Visit): void {
  for (const { kind, name, low, high, step } of CAPABILITY_RANGES) {
    for (const device of withCapability(index, kind)) {
      visit.examined();
      const text = capability(device, name);
      if (text === undefined || isNumberOf(text, { low, high, step })) continue;
      const steps = step === 1 ? '' : ` in steps of ${step}`;
      const message = `capability ${name} of device '${device.name}' is '${text}', expected a decimal number ${low} .. ${high}${steps}`;
      visit.report(device, message, 'Take the value from the register or table that the capability describes.');
    }
  }
}

function isNumberOf(text: string, { low, high, step }: Pick<CapabilityRange, 'low' | 'high' | 'step'>): boolean {
  const number = isDecimal(text) ? Number(text) : Number.NaN;
  return number >= low && number <= high && (number - low) % step === 0;
}

function checkPciConfig({ document: { hardware } }: PolicyIndex, visit: Visit): void {
  const first = hardware.devices.find(device => device.pci !== undefined);
  if (first === undefined) return;
  visit.examined();
  const { pciConfigAddress: address, pciConfigSizeBytes: size } = hardware;
  if (address !== undefined && size !== undefined && size > 0) return;
  const given = `pciConfigAddress is ${address === undefined ? 'not given' : formatAddress(address)}, pciConfigSize ${size === undefined ? 'not given' : formatAddress(size)}`;
  visit.report(first, `device '${first.name}' is a PCI device, but ${given}`, 'Add both to /system/hardware/devices.');
}

/** Rows of this file: code, check of the real validator, title, body. */
const ROWS: readonly (readonly [string, string, string, (index: PolicyIndex, visit: Visit) => void])[] = [
  [
    'HW-CPUS',
    'CPU_Sub_Elements',
    'Validate that the CPUs of the processor are numbered from 0 and one is the boot processor, with APIC id 0.',
    checkCpus,
  ],
  [
    'HW-CPU-COUNT',
    'CPU_Count',
    'Validate that the hardware provides the scheduled CPUs.',
    ({ document, activeCpuCount }, visit) => {
      visit.examined();
      const { cpuCores } = document.hardware.processor;
      if (activeCpuCount > cpuCores) {
        const message = `the system requires ${activeCpuCount} CPUs, but the hardware has ${cpuCores}`;
        visit.report(document.scheduling, message, `Schedule CPUs 0 .. ${cpuCores - 1} only.`);
      }
    },
  ],
  [
    'HW-BLOCK-SIZE',
    'Memory_Block_Size',
    'Validate that memory blocks are page aligned, not empty and multiples of the page size.',
    ({ document }, visit) => {
      for (const { name, sizeBytes, physicalAddress, ...node } of document.hardware.memoryBlocks) {
        visit.examined();
        if (sizeBytes > 0 && sizeBytes % PAGE_SIZE_BYTES === 0 && physicalAddress % PAGE_SIZE_BYTES === 0) continue;
        const message = `memory block '${name}' at ${formatAddress(physicalAddress)} with ${formatAddress(sizeBytes)} bytes does not consist of whole pages`;
        visit.report(node, message, 'Round it to page boundaries.');
      }
    },
  ],
  [
    'HW-BLOCK-OVERLAP',
    'Memory_Block_Overlap',
    'Validate that memory blocks of the hardware do not overlap.',
    ({ document }, visit) => {
      const spans = document.hardware.memoryBlocks.map(node => ({
        start: node.physicalAddress,
        end: node.physicalAddress + node.sizeBytes,
        name: `block '${node.name}'`,
        node,
      }));
      reportOverlaps(visit, 'hardware memory', spans, 'Correct the blocks as the firmware reports them.');
    },
  ],
  [
    'HW-PCI-CONFIG',
    'PCI_Config_Space',
    'Validate that PCI config space is given when there are PCI devices.',
    checkPciConfig,
  ],
  [
    'HW-SYSTEM-BOARD',
    'System_Board_Presence',
    'Validate that the hardware has one system board with its reset and power-off ports.',
    checkBoard,
  ],
  ['HW-IOAPIC', 'IOAPIC_Presence', 'Validate that at least one I/O APIC exists.', checkIoApics],
  [
    'HW-IOAPIC-SOURCE',
    'IOAPIC_Cap_SID',
    'Validate that all I/O APICs have a valid source id capability.',
    checkSourceIds,
  ],
  ['HW-IOMMU', 'IOMMU_Presence', `Validate that 1 to ${MAX_IOMMUS} IOMMUs exist.`, checkIommus],
  [
    'HW-IOMMU-AGAW',
    'IOMMU_Cap_Agaw',
    'Validate that all IOMMUs have a valid AGAW capability, with one value.',
    checkAgaw,
  ],
  [
    'HW-IOMMU-OFFSETS',
    'IOMMU_Cap_Register_Offsets',
    'Validate that all IOMMUs say where their fault recording and IOTLB registers are.',
    checkOffsets,
  ],
];

/** Rules about the hardware description. */
export const HARDWARE_RULES: readonly Rule[] = [
  ...ROWS.map(([code, name, title, body]) =>
    validatorRule({ code, area: 'hardware', title, validator: `hardware.${name}` }, body),
  ),
  rule(
    {
      code: 'HW-CAPABILITY-RANGE',
      area: 'hardware',
      title: 'Validate that numbers which describe devices of the kernel fit into the registers they are about.',
      severity: 'error',
    },
    checkCapabilityRanges,
  ),
  rule(
    {
      code: 'HW-APIC-ID',
      area: 'hardware',
      title: 'Validate that CPUs have their own, even APIC ids.',
      severity: 'error',
    },
    ({ document }, visit) => {
      const { cpus } = document.hardware.processor;
      reportDuplicates(visit, { what: 'APIC id', entries: cpus.map(node => ({ key: node.apicId, node })) });
      for (const cpu of cpus) {
        if (cpu.apicId % 2 === 0) continue;
        const message = `CPU ${cpu.cpuId} has the odd APIC id ${cpu.apicId}, expected an even one`;
        visit.report(cpu, message, 'Muen uses one thread per core: its boot code knows even APIC ids only.');
      }
    },
  ),
];
