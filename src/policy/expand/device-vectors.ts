import { childrenNamed, createElement, elementsAt, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { setAttribute } from './regions.ts';
import { devicesOf, familyOf, freeEventId, nameOf, sourceGroup, subjectsOf } from './subjects.ts';

/** Vectors that device interrupts of a subject may have: the first, and those that its system uses itself. */
function vectorRange(profile: string | undefined): { readonly first: number; readonly skipped: ReadonlySet<number> } {
  if (profile === 'native') return { first: 32, skipped: new Set() };
  if (profile !== 'linux') return { first: 48, skipped: new Set() };
  // Linux uses 48 .. 64 for ISA interrupts and 128 for system calls.
  return { first: 48, skipped: new Set([...Array.from({ length: 17 }, (_, index) => 48 + index), 128]) };
}

const vectorsIn = (subject: TreeElement): number[] =>
  [
    ...devicesOf(subject).flatMap(device => childrenNamed(device, 'irq')),
    ...elementsAt(subject, 'events/target/event/inject_interrupt'),
  ].flatMap(({ attributes }) => (attributes.vector === undefined ? [] : [Number(attributes.vector)]));

/** Gives each device interrupt of a subject without a vector the lowest free one; MSIs of a device stay together. */
export function addDeviceVectors(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    const { first, skipped } = vectorRange(subject.attributes.profile);
    const taken = new Set([...familyOf(workspace, subject).flatMap(vectorsIn), ...skipped]);
    for (const device of devicesOf(subject)) {
      for (const irqs of vectorRuns(workspace, device)) {
        const start = freeRun(workspace, taken, first, irqs);
        irqs.forEach((irq, index) => {
          setAttribute(irq, 'vector', String(start + index));
          taken.add(start + index);
        });
      }
    }
  }
}

/** Interrupts of a device that need vectors, in runs that must be consecutive. */
function vectorRuns(workspace: Workspace, device: TreeElement): readonly (readonly TreeElement[])[] {
  const waiting = childrenNamed(device, 'irq').filter(irq => irq.attributes.vector === undefined);
  const usesMsi = workspace
    .all('hardware/devices/device')
    .some(
      physical =>
        nameOf(physical) === device.attributes.physical &&
        childrenNamed(physical, 'pci').some(pci => pci.attributes.msi === 'true'),
    );
  if (!usesMsi) return waiting.map(irq => [irq]);
  const parents = waiting.filter(irq => childrenNamed(irq, 'msi').length > 0);
  const messages = waiting.filter(irq => childrenNamed(irq, 'msi').length === 0);
  return [...parents.map(irq => [irq]), ...(messages.length === 0 ? [] : [messages])];
}

function freeRun(
  workspace: Workspace,
  taken: ReadonlySet<number>,
  first: number,
  irqs: readonly TreeElement[],
): number {
  for (let start = first; start + irqs.length <= 256; start++) {
    if (irqs.every((_, index) => !taken.has(start + index))) return start;
  }
  const message = `no ${irqs.length} consecutive vectors are free for the interrupts of a device`;
  return workspace.refuse(irqs[0]!, 'EXPAND-VECTORS', message, 'Free vectors, or assign fewer devices.');
}

/**
 * Gives the user of each level-triggered PCI interrupt a hypercall that unmasks it: the kernel masks such an
 * interrupt when it arrives.
 */
export function addUnmaskEvents(workspace: Workspace): void {
  for (const physical of workspace.all('hardware/devices/device')) {
    if (!childrenNamed(physical, 'pci').some(pci => pci.attributes.msi === 'false')) continue;
    for (const irq of childrenNamed(physical, 'irq')) addUnmaskEvent(workspace, physical, irq);
  }
}

function addUnmaskEvent(workspace: Workspace, physical: TreeElement, irq: TreeElement): void {
  const number = irq.attributes.number ?? '';
  for (const subject of subjectsOf(workspace)) {
    const used = devicesOf(subject)
      .filter(device => device.attributes.physical === nameOf(physical))
      .flatMap(device => childrenNamed(device, 'irq'))
      .find(each => each.attributes.physical === nameOf(irq));
    if (used === undefined) continue;
    const event = `unmask_irq${number}`;
    const group = sourceGroup(subject, 'vmcall');
    const id = freeEventId(group.children);
    if (id === undefined) {
      const message = `subject '${nameOf(subject)}' has no free hypercall for unmasking interrupt ${number}`;
      workspace.refuse(used, 'EXPAND-EVENT-IDS', message, 'Remove source events of the group vmcall.');
    }
    const attributes = { id: String(id), logical: `unmask_irq_${used.attributes.vector ?? ''}`, physical: event };
    group.children.push(createElement(used, 'event', attributes, [createElement(used, 'unmask_irq', { number })]));
    workspace.section('events').children.push(createElement(used, 'event', { mode: 'kernel', name: event }));
    return;
  }
}
