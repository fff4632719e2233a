import type { LogicalDevice, PhysicalDevice, Subject } from '../policy/document.ts';
import type { FlowMechanism, FlowStatement } from './flow-edge.ts';
import { policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

interface Assignment {
  readonly subject: Subject;
  readonly device: LogicalDevice;
  readonly physical: PhysicalDevice;
}

/** Flows through devices: assignment, sharing of a device or its functions, common I/O ports, domains, interrupts. */
export function deviceFlows(parties: FlowParties): FlowStatement[] {
  const assignments = assignmentsOf(parties);
  return [
    ...assignments.flatMap(assignment => assignmentFlows(parties, assignment)),
    ...sharedDeviceFlows(parties, assignments),
    ...domainMembership(parties),
    ...levelInterruptFlows(assignments),
  ];
}

function assignmentsOf(parties: FlowParties): Assignment[] {
  const physical = new Map<string, PhysicalDevice>();
  for (const device of parties.document.hardware.devices)
    if (!physical.has(device.name)) physical.set(device.name, device);
  return [...parties.subjects.values()].flatMap(subject =>
    subject.devices.flatMap(device => {
      const found = physical.get(device.physical);
      return found ? [{ subject, device, physical: found }] : [];
    }),
  );
}

function assignmentFlows(parties: FlowParties, { subject, device }: Assignment): FlowStatement[] {
  const id = parties.deviceIds.get(device.physical)!;
  const common = { via: device.physical, lines: [policyLine(device)] };
  const result: FlowStatement[] = [
    {
      from: subject.name,
      to: id,
      mechanism: 'device-assignment',
      ...common,
      fromLogical: [device.logical],
      detail: 'programs the device',
    },
    {
      from: id,
      to: subject.name,
      mechanism: 'device-assignment',
      ...common,
      toLogical: [device.logical],
      detail: 'reads from the device',
    },
  ];
  for (const irq of device.irqs) {
    const via = `${device.physical}/${irq.physical}`;
    const lines = [policyLine(irq)];
    result.push({
      from: id,
      to: subject.name,
      mechanism: 'device-interrupt',
      via,
      toLogical: [irq.logical],
      lines,
      detail: 'interrupt',
    });
    for (const other of parties.subjects.values()) {
      if (other.cpu !== subject.cpu) continue;
      const detail = `interrupts CPU ${subject.cpu}`;
      result.push({
        from: subject.name,
        to: other.name,
        mechanism: 'irq-cycle-theft',
        via: device.physical,
        lines,
        detail,
      });
    }
  }
  return result;
}

function sharedDeviceFlows(parties: FlowParties, assignments: readonly Assignment[]): FlowStatement[] {
  return assignments.flatMap((a, index) =>
    assignments.slice(index + 1).flatMap(b => {
      if (parties.family.get(a.subject.name) === parties.family.get(b.subject.name)) return [];
      const shared = sharingOf(a, b);
      return shared.flatMap(([mechanism, detail]) => bothWays(a, b, mechanism, detail));
    }),
  );
}

function sharingOf(a: Assignment, b: Assignment): readonly (readonly [FlowMechanism, string])[] {
  const result: (readonly [FlowMechanism, string])[] = [];
  if (a.physical === b.physical) result.push(['shared-device', 'one device assigned to both']);
  else if (sameSlot(a.physical, b.physical)) result.push(['multifunction-device', 'functions of one PCI device']);
  for (const left of portsOf(a)) {
    const clash = portsOf(b).find(right => left.start <= right.end && right.start <= left.end);
    if (clash)
      result.push([
        'io-port',
        `ports 0x${Math.max(left.start, clash.start).toString(16)}..0x${Math.min(left.end, clash.end).toString(16)}`,
      ]);
  }
  return result;
}

function sameSlot(a: PhysicalDevice, b: PhysicalDevice): boolean {
  return a.pci !== undefined && b.pci !== undefined && a.pci.bus === b.pci.bus && a.pci.device === b.pci.device;
}

function portsOf({ device, physical }: Assignment) {
  const assigned = new Set(device.ioPorts.map(port => port.physical));
  return physical.ioPorts.filter(port => assigned.has(port.name));
}

function bothWays(a: Assignment, b: Assignment, mechanism: FlowMechanism, detail: string): FlowStatement[] {
  const via = a.physical === b.physical ? a.physical.name : [a.physical.name, b.physical.name].sort().join(' = ');
  return [[a, b] as const, [b, a] as const].map(([from, to]) => ({
    from: from.subject.name,
    to: to.subject.name,
    mechanism,
    via,
    fromLogical: [from.device.logical],
    toLogical: [to.device.logical],
    lines: [policyLine(from.device), policyLine(to.device)],
    detail,
  }));
}

function domainMembership(parties: FlowParties): FlowStatement[] {
  return parties.document.deviceDomains.flatMap(domain => {
    const domainId = parties.domainIds.get(domain.name)!;
    return domain.devices.flatMap((device): FlowStatement[] => {
      const id = parties.deviceIds.get(device.physical);
      if (id === undefined) return [];
      const common = { mechanism: 'device-domain' as const, via: domain.name, lines: [policyLine(device)] };
      return [
        { from: id, to: domainId, ...common, detail: 'DMA write' },
        { from: domainId, to: id, ...common, detail: 'DMA read' },
      ];
    });
  });
}

/** Level-triggered (PCI line) interrupts are masked and unmasked under one lock (Muen I/O APIC driver). */
function levelInterruptFlows(assignments: readonly Assignment[]): FlowStatement[] {
  const level = assignments.filter(({ device, physical }) => physical.pci?.msi === false && device.irqs.length > 0);
  return level.flatMap(a =>
    level
      .filter(b => b.subject.cpu !== a.subject.cpu)
      .map(
        (b): FlowStatement => ({
          from: a.subject.name,
          to: b.subject.name,
          mechanism: 'io-apic-lock',
          via: 'I/O APIC',
          lines: [...a.device.irqs, ...b.device.irqs].map(irq => policyLine(irq)),
          detail: 'both have level-triggered interrupts',
        }),
      ),
  );
}
