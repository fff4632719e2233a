import type { LogicalDevice, PhysicalDevice, Subject } from './document.ts';
import type { IntentFacts, IntentFinding, Judgement } from './intent-facts.ts';
import { finding, hasOnlyConfiguration, unexplained } from './intent-facts.ts';
import type { ExplanationRule } from './intent-rules.ts';
import type { Sentence } from './intent-text.ts';
import { quoted, say } from './intent-text.ts';

/** A device as the kernel (no subject) or a subject uses it. */
interface Assignment {
  readonly subject: Subject | undefined;
  readonly logical: LogicalDevice;
  readonly physical: PhysicalDevice;
}

/** Judges the assignment of devices: one user per device, per PCI slot and per I/O port. */
export function judgeDevices(facts: IntentFacts): Judgement[] {
  const assignments = assignmentsOf(facts);
  return assignments.flatMap((assignment, index) =>
    assignment.subject === undefined ? [] : [judgeAssignment(facts, assignments, assignment, index)],
  );
}

/** Every clash is reported once, at the later of its two assignments; the kernel's come first. */
function assignmentsOf(facts: IntentFacts): Assignment[] {
  const known = (subject: Subject | undefined, devices: readonly LogicalDevice[]): Assignment[] =>
    devices.flatMap(logical => {
      const physical = facts.devices.get(logical.physical);
      return physical ? [{ subject, logical, physical }] : [];
    });
  const bySubjects = [...facts.subjects.values()].flatMap(subject => known(subject, subject.devices));
  return [...known(undefined, facts.document.kernel.devices), ...bySubjects];
}

function judgeAssignment(
  facts: IntentFacts,
  all: readonly Assignment[],
  assignment: Assignment,
  index: number,
): Judgement {
  const findings: IntentFinding[] = [];
  let rule: ExplanationRule = 'sole-device';
  let text = say`no other subject uses it`;
  all.forEach((other, place) => {
    if (place === index || sameUser(facts, assignment, other)) return;
    const verdict = clashOf(facts, assignment, other);
    if (verdict === undefined) return;
    if ('rule' in verdict) ({ rule, text } = verdict);
    else if (place < index) findings.push(verdict);
  });
  if (findings.some(found => found.severity === 'error')) return unexplained(...findings);
  return { explained: [explanation(assignment, rule, text)], findings };
}

function explanation({ subject, logical, physical }: Assignment, rule: ExplanationRule, text: Sentence) {
  const names = { holder: subject?.name ?? 'kernel', logical: logical.logical, resource: physical.name };
  return {
    rule,
    inferred: true as const,
    ...names,
    line: logical.at.line,
    resourceLine: physical.at.line,
    text: text.text,
  };
}

function sameUser(facts: IntentFacts, a: Assignment, b: Assignment): boolean {
  if (!a.subject || !b.subject) return a.subject === b.subject;
  return facts.familyOf(a.subject.name) === facts.familyOf(b.subject.name);
}

function userOf({ subject, logical }: Assignment): Sentence {
  return say`${subject ? `subject ${quoted(subject.name)}` : 'the kernel'} (${logical.at})`;
}

function clashOf(
  facts: IntentFacts,
  later: Assignment,
  earlier: Assignment,
): IntentFinding | { rule: ExplanationRule; text: Sentence } | undefined {
  const both = say`${userOf(later)} and ${userOf(earlier)}`;
  const at = later.logical.at;
  const { physical } = later;
  if (physical === earlier.physical) {
    if (!earlier.subject) return kernelDevice(facts, later, earlier);
    if (
      isDeviceManager(facts, later, earlier) ||
      isDeviceManager(facts, earlier, later) ||
      manageOne(facts, later, earlier)
    ) {
      return { rule: 'device-manager', text: say`configuration space and function are split between ${both}` };
    }
    const message = say`device ${quoted(physical.name)} (${physical.at}) is assigned to ${both}`;
    return finding('INTENT-DEVICE-SHARED', at, message);
  }
  const ports = commonPorts(later, earlier);
  if (ports !== undefined) return finding('INTENT-IO-PORT-SHARED', at, say`${both} may access I/O ports ${ports}`);
  if (!earlier.subject) return undefined;
  const pair = say`${quoted(physical.name)} (${physical.at}) and ${quoted(earlier.physical.name)} (${earlier.physical.at})`;
  if (sameSlot(physical, earlier.physical)) {
    return finding(
      'INTENT-MULTIFUNCTION-SHARED',
      at,
      say`${pair} are functions of one PCI device and belong to ${both}`,
    );
  }
  if (hasOnlyConfiguration(later.logical) || hasOnlyConfiguration(earlier.logical)) return undefined;
  if (physical.pci?.iommuGroup !== undefined && physical.pci.iommuGroup === earlier.physical.pci?.iommuGroup) {
    const group = physical.pci.iommuGroup;
    return finding('INTENT-IOMMU-GROUP', at, say`${pair} are in IOMMU group ${group} and belong to ${both}`);
  }
  return undefined;
}

function kernelDevice(
  facts: IntentFacts,
  later: Assignment,
  kernel: Assignment,
): IntentFinding | { rule: ExplanationRule; text: Sentence } {
  const { physical } = later;
  if (facts.document.platform.kernelDiagnostics?.device?.physical === physical.name) {
    return { rule: 'kernel-diagnostics', text: say`debug console of the kernel too (${kernel.logical.at})` };
  }
  const message = say`device ${quoted(physical.name)} (${physical.at}) is assigned to ${userOf(later)}, but the kernel uses it (${kernel.logical.at})`;
  return finding('INTENT-KERNEL-DEVICE', later.logical.at, message);
}

/**
 * A device manager emulates the configuration space for its co-scheduled driver, or for one processor of a driver with
 * siblings, and gets nothing else of the device.
 */
function isDeviceManager(facts: IntentFacts, manager: Assignment, driver: Assignment): boolean {
  if (manager.subject === undefined || driver.subject === undefined) return false;
  const group = facts.seats.get(manager.subject.name)?.group;
  const family = facts.familyOf(driver.subject.name);
  const isCoScheduled = [...facts.subjects.keys()].some(
    name => facts.familyOf(name) === family && facts.seats.get(name)?.group === group,
  );
  const configOnly = hasOnlyConfiguration(manager.logical);
  const disjoint = driver.logical.memory.every(mapping => mapping.physical !== 'mmconf');
  return group !== undefined && isCoScheduled && configOnly && disjoint;
}

/** Two device managers of processors of one driver, which has the device. */
function manageOne(facts: IntentFacts, a: Assignment, b: Assignment): boolean {
  const { physical } = a;
  return [...facts.subjects.values()].some(subject =>
    subject.devices.some(logical => {
      const driver = { subject, logical, physical };
      return (
        logical.physical === physical.name &&
        !hasOnlyConfiguration(logical) &&
        isDeviceManager(facts, a, driver) &&
        isDeviceManager(facts, b, driver)
      );
    }),
  );
}

function commonPorts(a: Assignment, b: Assignment): Sentence | undefined {
  for (const left of portsOf(a)) {
    for (const right of portsOf(b)) {
      if (left.start > right.end || right.start > left.end) continue;
      return say`0x${Math.max(left.start, right.start).toString(16)}..0x${Math.min(left.end, right.end).toString(16)} (${left.at}, ${right.at})`;
    }
  }
  return undefined;
}

function portsOf({ logical, physical }: Assignment) {
  const assigned = new Set(logical.ioPorts.map(port => port.physical));
  return physical.ioPorts.filter(port => assigned.has(port.name));
}

function sameSlot(a: PhysicalDevice, b: PhysicalDevice): boolean {
  return a.pci !== undefined && b.pci !== undefined && a.pci.bus === b.pci.bus && a.pci.device === b.pci.device;
}
