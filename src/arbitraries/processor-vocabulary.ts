import { FPU_PLACES } from '../impl/fpu-places.ts';
import { MSRS, msrPlace } from '../impl/msrs.ts';
import type { PolicyDocument, Subject } from '../policy/document.ts';

/** An MSR that a subject may read or write without an exit. */
export interface OpenMsr {
  readonly index: number;
  readonly canRead: boolean;
  readonly canWrite: boolean;
}

/** Ports of an assigned device, both ends inclusive. */
export interface OpenPorts {
  readonly start: number;
  readonly end: number;
}

/** What instructions of a subject may touch besides memory, such that none of them stops the system by itself. */
export interface ProcessorVocabulary {
  /** Positions in the table of FPU places. */
  readonly fpuPlaces: readonly number[];
  readonly openMsrs: readonly OpenMsr[];
  /** MSRs that exit; empty if the subject's trap table does not handle that. */
  readonly closedMsrs: readonly number[];
  readonly openPorts: readonly OpenPorts[];
  readonly closedPorts: readonly number[];
  /** Writes of control registers may exit or raise an exception. */
  readonly writesControlRegisters: boolean;
  readonly readsCr3: boolean;
  /** Exceptions are handled, so that instructions may raise them. */
  readonly handlesExceptions: boolean;
}

const EXCEPTION = 0;
const CONTROL_REGISTER = 28;
const IO = 30;
const RDMSR = 31;
const WRMSR = 32;
/** Most MSRs of one range that programs use. */
const RANGE_LIMIT = 16;

/** x87 and SSE work in every subject that starts with them enabled and whose control registers nobody else can write. */
function usesFpuSafely(document: PolicyDocument, subject: Subject): boolean {
  const isMonitored = document.subjects.some(other =>
    other.memory.some(mapping => mapping.writable && mapping.physical === `${subject.name}|state`),
  );
  const { cr0, cr4 } = subject.vcpu;
  return !isMonitored && cr0.Emulation !== 1 && cr0.TaskSwitched !== 1 && cr4.OSSupportFXSAVE === 1;
}

function openMsrsOf({ vcpu }: Subject): readonly OpenMsr[] {
  return vcpu.msrs.flatMap(({ start, end, mode }) => {
    const count = Math.min(RANGE_LIMIT, end - start + 1);
    return Array.from({ length: count }, (_, offset) => start + offset)
      .filter(index => msrPlace(index) >= 0)
      .map(index => ({ index, canRead: mode !== 'w', canWrite: mode !== 'r' }));
  });
}

function portsOf(document: PolicyDocument, subject: Subject): readonly OpenPorts[] {
  return subject.devices.flatMap(logical => {
    const device = document.hardware.devices.find(row => row.name === logical.physical);
    // Whoever has the system board can stop the machine.
    if (device === undefined || device.capabilities.some(row => row.name === 'systemboard')) return [];
    return logical.ioPorts.flatMap(({ physical }) =>
      device.ioPorts.filter(row => row.name === physical).map(({ start, end }) => ({ start, end })),
    );
  });
}

export function processorVocabulary(
  document: PolicyDocument,
  subject: Subject,
  stoppingReasons: ReadonlySet<number>,
): ProcessorVocabulary {
  const handles = (reason: number): boolean => !stoppingReasons.has(reason);
  const openMsrs = openMsrsOf(subject);
  const openPorts = portsOf(document, subject);
  const isOpen = (port: number): boolean => openPorts.some(({ start, end }) => port >= start && port <= end);
  const allPorts = document.hardware.devices.flatMap(device => device.ioPorts.map(({ start }) => start));
  const places = FPU_PLACES.map((_, place) => place);
  let fpuPlaces: readonly number[] = [];
  if (handles(EXCEPTION)) fpuPlaces = places;
  else if (usesFpuSafely(document, subject)) fpuPlaces = places.filter(place => FPU_PLACES[place]!.component < 2);
  return {
    fpuPlaces,
    openMsrs,
    closedMsrs:
      handles(RDMSR) && handles(WRMSR)
        ? MSRS.map(row => row.index).filter(index => !openMsrs.some(open => open.index === index))
        : [],
    openPorts,
    closedPorts: handles(IO) ? [0, ...allPorts].filter(port => !isOpen(port)) : [],
    writesControlRegisters: handles(CONTROL_REGISTER) && handles(EXCEPTION),
    readsCr3: handles(CONTROL_REGISTER),
    handlesExceptions: handles(EXCEPTION),
  };
}
