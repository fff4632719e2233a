import type { HostedSubject } from '../impl/hosted-subject.ts';
import type { Word64 } from '../impl/native/muchannel.ts';
import { SOFTWARE } from '../impl/software.ts';
import { type Parameters, readParameters } from '../impl/software-parameters.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { MemoryRegion, PolicyDocument } from '../policy/document.ts';
import type { RunSpec, SubjectProgram } from '../trace/trace.ts';
import { frameOf, hpa } from '../units/address.ts';
import type { CpuId, SubjectId } from '../units/ids.ts';
import type { Operation } from '../units/operation.ts';

/** Where a checker that follows software found the first thing that its model does not allow. */
export interface SoftwareDivergence {
  /** Kernel steps completed before. */
  readonly step: number;
  readonly cpu: CpuId;
  readonly nowTsc: number;
  /** Name of the subject whose operation it was. */
  readonly subject: string;
  readonly what: string;
}

/** One end of a channel: a subject and where it sees the header. */
export interface ChannelEnd {
  readonly subject: string;
  readonly id: SubjectId;
  /** RIP at which the subject's software starts. */
  readonly entryPoint: number;
  /** Address of the header in the subject's address space. */
  readonly address: number;
}

/** Named software of a run with its checked parameters. */
export interface InstalledSoftware {
  readonly subject: string;
  readonly parameters: Parameters;
}

/** Programs of a run that are the named software; those whose parameters do not fit it are left out. */
export function installed(spec: RunSpec, software: string): readonly InstalledSoftware[] {
  const entry = SOFTWARE[software];
  if (entry === undefined) return [];
  return spec.programs.flatMap(program => {
    if (!('software' in program) || program.software !== software) return [];
    const given = readParameters(entry.parameters, program.parameters);
    return given.ok ? [{ subject: program.subject, parameters: given.value }] : [];
  });
}

/** The program of a subject in a run. */
export const programOf = (spec: RunSpec, subject: string): SubjectProgram | undefined =>
  spec.programs.find(program => program.subject === subject);

/** Physical place of a channel header that a subject sees at `address`, with the region that holds it. */
export function placeOf(
  document: PolicyDocument,
  subject: string,
  address: number,
): { readonly region: MemoryRegion; readonly physicalAddress: number } | undefined {
  const declared = document.subjects.find(row => row.name === subject);
  for (const mapping of declared?.memory ?? []) {
    const region = document.memory.find(row => row.name === mapping.physical);
    if (region === undefined) continue;
    const offset = address - mapping.virtualAddress;
    if (offset >= 0 && offset < region.sizeBytes) return { region, physicalAddress: region.physicalAddress + offset };
  }
  return undefined;
}

/** The end of a channel at physical address `header` in a subject; undefined if the subject does not map it. */
export function endOf(
  system: System,
  document: PolicyDocument,
  subject: string,
  header: number,
): ChannelEnd | undefined {
  const spec = system.kernel.tables.subjects.find(row => row.name === subject);
  const declared = document.subjects.find(row => row.name === subject);
  if (spec === undefined || declared === undefined) return undefined;
  for (const mapping of declared.memory) {
    const region = document.memory.find(row => row.name === mapping.physical);
    if (region === undefined) continue;
    const offset = header - region.physicalAddress;
    if (offset < 0 || offset >= region.sizeBytes) continue;
    return { subject, id: spec.id, entryPoint: spec.entryPoint, address: mapping.virtualAddress + offset };
  }
  return undefined;
}

/** Names of the subjects that may write a region, in policy order. */
export const writersOf = (document: PolicyDocument, region: string): readonly string[] =>
  document.subjects
    .filter(subject => subject.memory.some(mapping => mapping.physical === region && mapping.writable))
    .map(subject => subject.name);

/** An 8-byte word of physical memory. */
export function wordAt(system: System, physicalAddress: number): Word64 {
  const { memory } = system;
  return { low: memory.readWordAt(hpa(physicalAddress)), high: memory.readWordAt(hpa(physicalAddress + 4)) };
}

/** Frames of a stretch of physical memory. */
export function framesOf(physicalAddress: number, sizeBytes: number): ReadonlySet<number> {
  const first = frameOf(hpa(physicalAddress));
  const last = frameOf(hpa(physicalAddress + sizeBytes - 1));
  return new Set(Array.from({ length: last - first + 1 }, (_, index) => first + index));
}

/** True if the present step wrote one of the frames. */
export function touches({ memory }: System, frames: ReadonlySet<number>): boolean {
  for (let index = 0; index < memory.touchedCount; index++) {
    if (frames.has(memory.frameOfSlot(memory.touchedSlot(index)))) return true;
  }
  return false;
}

/** True for loads and stores. */
export const isMemoryAccess = (
  operation: Operation | undefined,
): operation is Extract<Operation, { kind: 'read' | 'write' }> =>
  operation?.kind === 'read' || operation?.kind === 'write';

/** True if the operation is the first one after the subject's entry point: the software has just started. */
export const isStart = (end: ChannelEnd, hosted: HostedSubject): boolean => hosted.operationRip === end.entryPoint;

/** Lets several observers watch one run. */
export function observeAll(observers: readonly SystemObserver[]): SystemObserver {
  return {
    onExit: (cpu, subject, reason) => {
      for (const observer of observers) observer.onExit?.(cpu, subject, reason);
    },
    onSegment: (cpu, access) => {
      for (const observer of observers) observer.onSegment?.(cpu, access);
    },
    onEntry: (cpu, subject) => {
      for (const observer of observers) observer.onEntry?.(cpu, subject);
    },
    onOperation: (cpu, subject, hosted, exit) => {
      for (const observer of observers) observer.onOperation?.(cpu, subject, hosted, exit);
    },
  };
}
