import { formatAddress, PAGE_SIZE_BYTES } from '../../units/address.ts';
import { hasCapability, type OwnedMapping, ownerName, type PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit } from '../rule.ts';

/** Regions that only the kernel of one CPU may map, without the CPU. */
const CPU_LOCAL_REGIONS = ['kernel_data', 'kernel_bss', 'kernel_stack', 'kernel_interrupt_stack'];
const TAU0_INTERFACE = 'sys_interface';

function checkPrivate({ mappings, activeCpus }: PolicyIndex, visit: Visit): void {
  const owners = new Map<string, number>(
    activeCpus.flatMap(cpu => CPU_LOCAL_REGIONS.map(region => [`${region}_${cpu}`, cpu] as const)),
  );
  for (const owned of mappings) {
    const cpu = owners.get(owned.mapping.physical);
    if (cpu === undefined) continue;
    visit.examined();
    // Mappings of subjects and domains are wrong by their type, other rules say so.
    if (owned.owner.kind !== 'kernel' || owned.owner.cpu === cpu) continue;
    const message = `'${owned.mapping.physical}' belongs to the kernel on CPU ${cpu}, but ${ownerName(owned)} maps it`;
    visit.report(owned.mapping, message, 'Map the region of the own CPU.');
  }
}

function checkTau0Interface(
  { regions, document, mappings, kernelSections, kernelMappings }: PolicyIndex,
  visit: Visit,
) {
  const region = regions.get(TAU0_INTERFACE);
  if (region === undefined) return;
  visit.examined();
  const mapping = kernelMappings.get(0)?.get(TAU0_INTERFACE);
  if (region.sizeBytes !== PAGE_SIZE_BYTES) {
    const message = `region '${TAU0_INTERFACE}' has ${formatAddress(region.sizeBytes)} bytes, expected 0x1000`;
    visit.report(region, message, 'Correct the size.');
  }
  if (mapping === undefined) {
    const message = `the kernel on CPU 0 does not map '${TAU0_INTERFACE}'`;
    const hint = 'CPU 0 reads the next major frame there; map it read-only.';
    visit.report(kernelSections.get(0) ?? document, message, hint);
  } else if (mapping.writable) {
    const message = `the kernel maps '${TAU0_INTERFACE}' writable, expected read-only`;
    visit.report(mapping, message, 'Only tau0 writes this page.');
  }
  for (const { owner, mapping: other } of mappings) {
    if (other.physical === TAU0_INTERFACE && owner.kind === 'subject' && owner.subject.name !== 'tau0') {
      const message = `subject '${owner.subject.name}' maps '${TAU0_INTERFACE}'`;
      visit.report(other, message, 'Only tau0 may choose the major frame.');
    }
  }
}

/** Text is what kernel CPUs map executable. */
function checkKernelText({ mappings }: PolicyIndex, visit: Visit): void {
  const text = new Map<string, OwnedMapping>();
  for (const owned of mappings) {
    if (owned.owner.kind === 'kernel' && owned.mapping.executable) text.set(owned.mapping.physical, owned);
  }
  for (const owned of mappings) {
    const executed = text.get(owned.mapping.physical);
    if (executed === undefined) continue;
    visit.examined();
    if (!owned.mapping.writable) continue;
    const message = `${ownerName(owned)} maps '${owned.mapping.physical}' writable, ${ownerName(executed)} executes it`;
    visit.report(owned.mapping, message, 'Set writable="false": who writes the text of the kernel is the kernel.');
  }
}

function checkController({ document }: PolicyIndex, visit: Visit): void {
  const used = new Set(
    document.kernel.devices.filter(device => device.memory.length > 0).map(device => device.physical),
  );
  for (const device of document.hardware.devices) {
    const what = ['ioapic', 'iommu'].find(name => hasCapability(device, name));
    if (what === undefined || device.memory.length === 0) continue;
    visit.examined();
    if (used.has(device.name)) continue;
    const message = `the kernel does not map the registers of '${device.name}' (${what}), which it programs at boot`;
    visit.report(document.kernel, message, 'Add the device with its memory to /system/kernel/devices.');
  }
}

/** Rules about what only the kernel may reach, none of which the real validator has. */
export const KERNEL_PRIVATE_RULES: readonly Rule[] = [
  rule(
    {
      code: 'KRN-PRIVATE',
      area: 'kernel',
      title: 'Validate that no kernel maps data, BSS or stacks of the kernel on another CPU.',
      severity: 'error',
    },
    checkPrivate,
  ),
  rule(
    {
      code: 'KRN-TAU0-INTERFACE',
      area: 'kernel',
      title:
        'Validate that the tau0 interface page is one page that the kernel on CPU 0 maps read-only and only tau0 writes.',
      severity: 'error',
    },
    checkTau0Interface,
  ),
  rule(
    {
      code: 'KRN-TEXT-WRITABLE',
      area: 'kernel',
      title: 'Validate that nobody maps writable what a kernel executes.',
      severity: 'error',
    },
    checkKernelText,
  ),
  rule(
    {
      code: 'KRN-CONTROLLERS',
      area: 'kernel',
      title: 'Validate that the kernel maps the registers of I/O APICs and IOMMUs.',
      severity: 'error',
    },
    checkController,
  ),
];
