import type { KernelDiagnostics, LogicalDevice } from '../document.ts';
import type { PolicyIndex } from '../policy-index.ts';
import { type Rule, rule, type Visit, validatorRule } from '../rule.ts';

/** Logical name under which the kernel has its diagnostics device. */
const DEBUG_CONSOLE = 'debugconsole';

type DiagnosticsType = 'uart' | 'hsuart' | 'vga';
/** Resources that the driver of each diagnostics type uses (platform.xsd): one of this kind, none of the other. */
const NEEDS: Readonly<Record<DiagnosticsType, 'I/O port' | 'memory'>> = {
  uart: 'I/O port',
  hsuart: 'memory',
  vga: 'memory',
};

/** Diagnostics that use a device; undefined when there are none. */
function active({ document: { platform } }: PolicyIndex): KernelDiagnostics | undefined {
  const diagnostics = platform.kernelDiagnostics;
  return diagnostics === undefined || diagnostics.type === 'none' ? undefined : diagnostics;
}

const consoleOf = ({ document: { kernel } }: PolicyIndex, diagnostics: KernelDiagnostics): LogicalDevice | undefined =>
  kernel.devices.find(device => device.logical === DEBUG_CONSOLE) ??
  kernel.devices.find(device => device.physical === diagnostics.device?.physical);

function checkReference(index: PolicyIndex, visit: Visit): void {
  const diagnostics = active(index);
  if (diagnostics === undefined) return;
  visit.examined();
  const { device } = diagnostics;
  if (device === undefined) {
    visit.report(
      diagnostics,
      `diagnostics of type ${diagnostics.type} name no device`,
      'Add <device physical="..."/>.',
    );
    return;
  }
  const resources = index.resources.get(device.physical);
  if (resources === undefined) {
    const message = `the diagnostics device '${device.physical}' does not exist`;
    visit.report(device, message, 'Name a device of /system/hardware/devices.');
    return;
  }
  for (const [kind, nodes, known] of [
    ['memory', device.memory ?? [], resources.memory],
    ['I/O port', device.ioPorts ?? [], resources.ports],
  ] as const) {
    for (const node of nodes) {
      if (known.has(node.physical)) continue;
      const message = `the diagnostics device '${device.physical}' has no ${kind} '${node.physical}'`;
      visit.report(node, message, `The device has: ${[...known.keys()].join(', ') || 'none'}.`);
    }
  }
}

function checkType(index: PolicyIndex, visit: Visit): void {
  const diagnostics = active(index);
  const device = diagnostics?.device;
  if (diagnostics === undefined || device === undefined) return;
  visit.examined();
  const counts = { memory: device.memory?.length ?? 0, 'I/O port': device.ioPorts?.length ?? 0 };
  const needed = NEEDS[diagnostics.type as DiagnosticsType];
  for (const kind of ['memory', 'I/O port'] as const) {
    const expected = kind === needed ? 1 : 0;
    if (counts[kind] === expected) continue;
    const message = `diagnostics of type ${diagnostics.type} name ${counts[kind]} ${kind} resources, expected ${expected}`;
    visit.report(device, message, `A device of type ${diagnostics.type} is driven through one ${needed} resource.`);
  }
}

function checkKernelSide(index: PolicyIndex, visit: Visit): void {
  const diagnostics = active(index);
  if (diagnostics?.device === undefined) return;
  visit.examined();
  const { physical, memory = [], ioPorts = [] } = diagnostics.device;
  const used = consoleOf(index, diagnostics);
  if (used === undefined) {
    const message = `the kernel has no device '${DEBUG_CONSOLE}' for the diagnostics device '${physical}'`;
    visit.report(diagnostics.device, message, 'Add it to /system/kernel/devices.');
    return;
  }
  if (used.physical !== physical) {
    const message = `the kernel has '${used.physical}' as '${used.logical}', the platform has '${physical}' for diagnostics`;
    visit.report(used, message, 'Name one device in both places.');
    return;
  }
  const resources = index.resources.get(physical);
  for (const [kind, wanted, has, known] of [
    ['memory', memory, used.memory, resources?.memory],
    ['I/O port', ioPorts, used.ioPorts, resources?.ports],
  ] as const) {
    // A resource that the device does not have is reported by PLAT-DIAGNOSTICS.
    const names = wanted.map(node => node.physical).filter(name => known?.has(name));
    for (const name of names) {
      if (has.some(node => node.physical === name)) continue;
      const message = `the platform has ${kind} '${name}' for diagnostics, the kernel has ${has.map(node => `'${node.physical}'`).join(', ') || 'none'}`;
      visit.report(used, message, 'Name the same resources in both places.');
    }
  }
}

/** Rules about the platform description. */
export const PLATFORM_RULES: readonly Rule[] = [
  rule(
    {
      code: 'PLAT-REFERENCE',
      area: 'platform',
      title: 'Validate that device aliases and device classes refer to existing devices.',
      severity: 'warning',
    },
    ({ document: { platform }, devices }, visit) => {
      for (const alias of platform.aliases) {
        visit.examined();
        if (devices.has(alias.physical)) continue;
        const message = `device alias '${alias.name}' refers to '${alias.physical}', which does not exist`;
        visit.report(alias, message, 'Aliases have no effect in format B; correct the source.');
      }
      const names = new Set([...devices.keys(), ...platform.aliases.map(alias => alias.name)]);
      for (const entry of platform.classes) {
        for (const member of entry.devices) {
          visit.examined();
          if (names.has(member.physical)) continue;
          const message = `device class '${entry.name}' refers to '${member.physical}', which does not exist`;
          visit.report(member, message, 'Classes have no effect in format B; correct the source.');
        }
      }
    },
  ),
  validatorRule(
    {
      code: 'PLAT-DIAGNOSTICS',
      area: 'platform',
      title: 'Validate that the device and the resources of the kernel diagnostics exist.',
      validator: 'platform.Kernel_Diagnostics_Device_Reference',
    },
    checkReference,
  ),
  validatorRule(
    {
      code: 'PLAT-DIAGNOSTICS-TYPE',
      area: 'platform',
      title: 'Validate that the resources of the kernel diagnostics match their type.',
      validator: 'platform.Kernel_Diagnostics_Type_Resources',
    },
    checkType,
  ),
  validatorRule(
    {
      code: 'KRN-DIAGNOSTICS',
      area: 'kernel',
      title: 'Validate that the debug console of the kernel is the diagnostics device of the platform.',
      validator: 'kernel.Diagnostics_Device_Reference',
    },
    checkKernelSide,
  ),
];
