import type {
  DeviceDescription,
  DomainDescription,
  EventDescription,
  MinorFrameDescription,
  PolicyDescription,
  SubjectDescription,
} from './policy-description.ts';
import { CPU_COUNT, configElement, hardwareElement, kernelDevicesElement, platformElement } from './policy-hardware.ts';
import {
  allRegions,
  kernelMappings,
  type Mapping,
  mappingElement,
  placeOf,
  regionElement,
  subjectMappings,
} from './policy-memory.ts';
import { placeRegions } from './policy-placement.ts';
import { vcpuElement } from './policy-vcpu.ts';
import { byteLiteral, element, writeXml, type XmlElement } from './xml-text.ts';

/** Exit reasons that the kernel handles itself (1, 7, 41, 52, 55) or that the SDM reserves (35, 38, 42): no policy event. */
const RESERVED_EXITS = [1, 7, 35, 38, 41, 42, 52, 55];
const LAST_EXIT = 59;

function trapGroup(subject: SubjectDescription): XmlElement {
  const { event, panic } = subject.traps;
  const ids = Array.from({ length: LAST_EXIT + 1 }, (_, id) => id).filter(id => !RESERVED_EXITS.includes(id));
  const action = panic ? [element('system_panic', {})] : [];
  return element(
    'group',
    { name: 'vmx_exit' },
    ids.map(id => element('event', { id, logical: `default_event_${id}`, physical: event }, action)),
  );
}

function vmcallGroup(description: PolicyDescription, subject: SubjectDescription): XmlElement[] {
  const events = description.events.flatMap(({ name, source }) =>
    source?.subject !== subject.name ? [] : [{ physical: name, ...source }],
  );
  const channels = description.channels
    .filter(({ writer, mode }) => writer.subject === subject.name && mode !== undefined)
    .map(({ name, writer }) => ({ physical: name, logical: writer.logical, id: writer.event ?? 0, action: undefined }));
  const actionElements = (action: string | undefined): XmlElement[] =>
    action === undefined ? [] : [element(action, {})];
  const called = [...events, ...channels].map(({ id, logical, physical, action }) => ({
    id,
    element: element('event', { id, logical, physical }, actionElements(action)),
  }));
  const entries = [...called, ...unmaskEvents(description, subject)]
    .sort((a, b) => a.id - b.id)
    .map(entry => entry.element);
  return entries.length === 0 ? [] : [element('group', { name: 'vmcall' }, entries)];
}

const unmaskName = ({ irq }: DeviceDescription): string => `unmask_irq${irq}`;

/** Calls with which a subject unmasks its level-triggered interrupts. */
function unmaskEvents(description: PolicyDescription, subject: SubjectDescription) {
  return (description.devices ?? []).flatMap(device => {
    const id = device.pci?.unmaskEvent;
    if (id === undefined || device.subject !== subject.name) return [];
    const logical = `unmask_irq_${device.vector}`;
    const action = element('unmask_irq', { number: device.irq });
    return [{ id, element: element('event', { id, logical, physical: unmaskName(device) }, [action]) }];
  });
}

const registersMapping = (virtualAddress: number): Mapping => ({
  logical: 'registers',
  physical: 'mem1',
  virtualAddress,
  writable: true,
  executable: false,
});

/** The `devices` element of a subject. */
function devicesElement(description: PolicyDescription, subject: SubjectDescription): XmlElement {
  const own = (description.devices ?? []).filter(device => device.subject === subject.name);
  const elements = own.map(({ name, vector, pci, registers }) => {
    const address =
      pci === undefined ? [] : [element('pci', { bus: byteLiteral(0), device: byteLiteral(pci.device), function: 0 })];
    return element('device', { logical: name, physical: name }, [
      ...address,
      element('irq', { logical: 'irq', physical: 'irq1', vector }),
      ...(registers === undefined ? [] : [mappingElement(registersMapping(registers.address))]),
      element('ioPort', { logical: 'ports', physical: 'ioport1' }),
    ]);
  });
  return element('devices', {}, elements);
}

function domainElement({ name, devices, memory }: DomainDescription, index: number): XmlElement {
  const mappings = memory.map(({ logical, physical, address, writable }) =>
    mappingElement({ logical, physical, virtualAddress: address, writable, executable: false }),
  );
  return element('domain', { id: index + 1, name }, [
    element('memory', {}, mappings),
    element(
      'devices',
      {},
      devices.map(device => element('device', { logical: device, physical: device })),
    ),
  ]);
}

type Target = NonNullable<EventDescription['target']>;

/** Target entries with ids: explicit ones stay, the others get the lowest free one in document order. */
function targetEntries(description: PolicyDescription, subject: SubjectDescription): XmlElement[] {
  const events = description.events.flatMap(({ name, target }) =>
    target?.subject !== subject.name ? [] : [{ physical: name, target }],
  );
  const channels = description.channels
    .filter(({ reader, mode }) => reader.subject === subject.name && mode !== undefined)
    .map(({ name, reader }) => {
      const target: Target = {
        subject: reader.subject,
        logical: reader.logical,
        action: { kind: 'inject_interrupt', vector: reader.vector ?? 0 },
      };
      return { physical: name, target };
    });
  const all = [...events, ...channels];
  const used = new Set(all.flatMap(({ target }) => (target.id === undefined ? [] : [target.id])));
  return all.map(({ physical, target }) => {
    let id = target.id;
    if (id === undefined) {
      id = 0;
      while (used.has(id)) id += 1;
      used.add(id);
    }
    const { action } = target;
    const children =
      action === undefined
        ? []
        : [action.kind === 'reset' ? element('reset', {}) : element('inject_interrupt', { vector: action.vector })];
    return element('event', { id, logical: target.logical, physical }, children);
  });
}

function subjectElement(description: PolicyDescription, subject: SubjectDescription): XmlElement {
  const globalId = description.subjects.indexOf(subject);
  const localId = description.subjects.slice(0, globalId).filter(({ cpu }) => cpu === subject.cpu).length;
  const targets = targetEntries(description, subject);
  return element(
    'subject',
    { cpu: subject.cpu, globalId, localId, name: subject.name, schedGroupId: placeOf(description, subject.name).group },
    [
      vcpuElement(subject.profile, subject.readOnlyMsrs),
      element('bootparams', {}),
      element('memory', {}, subjectMappings(description, subject).map(mappingElement)),
      devicesElement(description, subject),
      element('events', {}, [
        element('source', {}, [trapGroup(subject), ...vmcallGroup(description, subject)]),
        ...(targets.length === 0 ? [] : [element('target', {}, targets)]),
      ]),
    ],
  );
}

function kernelElement(description: PolicyDescription): XmlElement {
  const cpus = Array.from({ length: CPU_COUNT }, (_, cpu) =>
    element('cpu', { id: cpu }, kernelMappings(description, cpu).map(mappingElement)),
  );
  return element('kernel', {}, [element('memory', {}, cpus), kernelDevicesElement()]);
}

function eventsElement(description: PolicyDescription): XmlElement {
  const panics = [...new Set(description.subjects.filter(({ traps }) => traps.panic).map(({ traps }) => traps.event))];
  const physical = (name: string, mode: string): XmlElement => element('event', { mode, name });
  return element('events', {}, [
    ...panics.map(name => physical(name, 'kernel')),
    ...description.events.map(({ name, mode }) => physical(name, mode)),
    ...description.channels.flatMap(({ name, mode }) => (mode === undefined ? [] : [physical(name, mode)])),
    ...(description.devices ?? []).flatMap(device =>
      device.pci?.unmaskEvent === undefined ? [] : [physical(unmaskName(device), 'kernel')],
    ),
  ]);
}

/** Ticks from the start of the major frame to the end of each minor frame. */
function frameEnds(frames: readonly MinorFrameDescription[]): number[] {
  let end = 0;
  return frames.map(({ ticks }) => {
    end += ticks;
    return end;
  });
}

/** A major frame with barriers: one where minor frames of several CPUs end together before the end of the major frame. */
function majorFrameElement(cpus: readonly (readonly MinorFrameDescription[])[]): XmlElement {
  const ends = cpus.map(frameEnds);
  const period = ends[0]!.at(-1)!;
  const times = [...new Set(ends.flat())].filter(time => time < period).sort((a, b) => a - b);
  const barriers = times
    .map(time => ({ time, size: ends.filter(cpuEnds => cpuEnds.includes(time)).length }))
    .filter(({ size }) => size > 1);
  const barrierAt = (time: number): number | 'none' => {
    const index = barriers.findIndex(barrier => barrier.time === time);
    return index < 0 ? 'none' : index + 1;
  };
  const cpuElements = cpus.map((frames, cpu) =>
    element(
      'cpu',
      { id: cpu },
      frames.map(({ partition, ticks }, index) =>
        element('minorFrame', { barrier: barrierAt(ends[cpu]![index]!), partition, ticks }),
      ),
    ),
  );
  const barrierElements = barriers.map(({ size }, index) => element('barrier', { id: index + 1, size }));
  return element('majorFrame', {}, [...cpuElements, element('barriers', {}, barrierElements)]);
}

function schedulingElement(description: PolicyDescription): XmlElement {
  const cpuOf = new Map(description.subjects.map(({ name, cpu }) => [name, cpu]));
  let group = 0;
  const partitions = description.partitions.map(({ name, groups }, index) => {
    const children = groups.map(members => {
      group += 1;
      return element(
        'group',
        { id: group },
        members.map(member => element('subject', { name: member })),
      );
    });
    return element('partition', { cpu: cpuOf.get(groups[0]![0]!)!, id: index + 1, name }, children);
  });
  return element('scheduling', { tickRate: description.tickRateHz }, [
    element('partitions', {}, partitions),
    ...description.majorFrames.map(majorFrameElement),
  ]);
}

/**
 * Writes the format B policy (late 2024) of a described system: every element that the Muen toolchain would have
 * expanded and allocated. The result is valid as far as the description is: the policy rules say whether it is.
 */
export function writePolicy(description: PolicyDescription): string {
  const regions = placeRegions(allRegions(description));
  return writeXml(
    element('system', {}, [
      configElement(description),
      hardwareElement(description),
      platformElement(),
      element('memory', {}, regions.map(regionElement)),
      element('deviceDomains', {}, (description.domains ?? []).map(domainElement)),
      eventsElement(description),
      kernelElement(description),
      element(
        'subjects',
        {},
        description.subjects.map(subject => subjectElement(description, subject)),
      ),
      schedulingElement(description),
    ]),
  );
}
