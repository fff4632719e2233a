import type { Cpu } from '../impl/cpu.ts';
import type { ExitCause } from '../impl/exit-cause.ts';
import type { HostedSubject } from '../impl/hosted-subject.ts';
import { type ChannelLayout, channelBytes } from '../impl/native/muchannel.ts';
import type { ReadResult } from '../impl/native/muchannel-reader.ts';
import type { Parameters } from '../impl/software-parameters.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { ChannelGeometry } from '../model/channel-state.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { RunSpec } from '../trace/trace.ts';
import { PAGE_SIZE_BYTES } from '../units/address.ts';
import type { SubjectId } from '../units/ids.ts';
import type { Operation } from '../units/operation.ts';
import {
  type ChannelEnd,
  endOf,
  framesOf,
  type InstalledSoftware,
  installed,
  isMemoryAccess,
  isStart,
  placeOf,
  programOf,
  type SoftwareDivergence,
  touches,
  wordAt,
  writersOf,
} from './channel-access.ts';
import { ChannelReaderSide } from './channel-reader-side.ts';
import { ChannelWorld } from './channel-world.ts';
import { ChannelWriterSide, geometriesOf, type WriterKind } from './channel-writer-side.ts';
import { geometryOf, wordName } from './relation/channel.ts';

/** One channel of a run: who reads, who writes, and where. */
export interface FollowedChannel {
  readonly layout: ChannelLayout;
  /** Physical address of the header. */
  readonly header: number;
  readonly writer: ChannelEnd;
  readonly reader: ChannelEnd;
  readonly writerKind: WriterKind;
  readonly seed: number;
  readonly sleepEvent: number | undefined;
}

const layoutOf = (given: Parameters): ChannelLayout => ({
  address: given.number('address'),
  protocol: given.number('protocol'),
  elementBytes: given.number('elementBytes'),
  elements: given.number('elements'),
});

/**
 * Channels of a run whose reader is `channel-reader` and whose only writer is `channel-writer` with the same shape of data, or a list of
 * operations.
 */
export function followedChannels(system: System, document: PolicyDocument, spec: RunSpec): readonly FollowedChannel[] {
  return installed(spec, 'channel-reader').flatMap(reader => followedChannel(system, document, spec, reader));
}

function followedChannel(
  system: System,
  document: PolicyDocument,
  spec: RunSpec,
  { subject, parameters }: InstalledSoftware,
): readonly FollowedChannel[] {
  const layout = layoutOf(parameters);
  const place = placeOf(document, subject, layout.address);
  if (place === undefined) return [];
  const { region, physicalAddress: header } = place;
  const [name, ...others] = writersOf(document, region.name);
  if (name === undefined || others.length > 0 || name === subject) return [];
  if (header - region.physicalAddress + channelBytes(layout) > region.sizeBytes) return [];
  const reader = endOf(system, document, subject, header);
  const writer = endOf(system, document, name, header);
  if (reader === undefined || writer === undefined) return [];
  const seed = parameters.number('seed');
  const sleepEvent = parameters.event('sleepEvent');
  const kind = writerKind(spec, name, layout, writer);
  return kind === undefined ? [] : [{ layout, header, writer, reader, writerKind: kind, seed, sleepEvent }];
}

function writerKind(spec: RunSpec, writer: string, layout: ChannelLayout, end: ChannelEnd): WriterKind | undefined {
  const program = programOf(spec, writer);
  if (program !== undefined && 'operations' in program) return { kind: 'script', operations: program.operations };
  const software = installed(spec, 'channel-writer').find(row => row.subject === writer);
  if (software === undefined) return undefined;
  const own = layoutOf(software.parameters);
  const isSame =
    own.address === end.address && own.elementBytes === layout.elementBytes && own.elements === layout.elements;
  return isSame ? { kind: 'software', seed: software.parameters.number('seed') } : undefined;
}

/** Protocols and shapes that the writer may announce; the first one is that of writer software. */
function announced(channel: FollowedChannel, spec: RunSpec): readonly ChannelGeometry[] {
  const { writer, writerKind: kind, layout } = channel;
  if (kind.kind === 'script') return geometriesOf(kind.operations, writer.address);
  const own = installed(spec, 'channel-writer').find(row => row.subject === writer.subject);
  return [geometryOf({ ...layout, protocol: own?.parameters.number('protocol') ?? layout.protocol })];
}

/**
 * Runs the channel model beside one writer and one reader and compares after each of their memory accesses (step refinement): header and
 * data in memory, the private state of both, the result of each read and the element that it delivers. Nobody else may write the channel.
 */
export class ChannelLockstep implements SystemObserver {
  divergence: SoftwareDivergence | undefined;
  /** Accesses to the channel that were compared. */
  accesses = 0;
  readonly channel: FollowedChannel;
  readonly #system: System;
  readonly #world: ChannelWorld;
  readonly #writer: ChannelWriterSide;
  readonly #reader: ChannelReaderSide;
  readonly #frames: ReadonlySet<number>;

  constructor(system: System, spec: RunSpec, channel: FollowedChannel) {
    this.channel = channel;
    this.#system = system;
    const geometries = announced(channel, spec);
    this.#world = new ChannelWorld(system, channel.layout, channel.header, geometries);
    this.#writer = new ChannelWriterSide(this.#world, channel.writer, channel.writerKind, geometries);
    this.#reader = new ChannelReaderSide(this.#world, channel.seed, channel.sleepEvent);
    this.#frames = framesOf(channel.header, channelBytes(channel.layout));
  }

  /** What the model leaves open, by reason. */
  get unspecified(): Readonly<Record<string, number>> {
    return this.#world.unspecified;
  }

  /** Results of completed reads. */
  get results(): Readonly<Record<ReadResult, number>> {
    return this.#reader.results;
  }

  onSegment(cpu: Cpu): void {
    if (this.divergence !== undefined || !this.#world.isActive) return;
    if (!this.#isTouched()) return;
    this.#world.differ('frame condition: the kernel wrote the channel');
    this.#note(cpu, 'the kernel');
  }

  onOperation(cpu: Cpu, subject: SubjectId, hosted: HostedSubject, exit: ExitCause | undefined): void {
    if (this.divergence !== undefined || !this.#world.isActive) return;
    const { writer, reader } = this.channel;
    const { operation } = hosted;
    if (subject === writer.id) this.#followWriter(hosted, operation, exit);
    else {
      if (this.#isTouched()) this.#world.differ('a subject that is not its writer wrote the channel');
      else if (subject === reader.id && operation !== undefined) this.#followReader(hosted, operation, exit);
    }
    const name = this.#system.kernel.tables.subjects[subject]?.name ?? '-';
    this.#note(cpu, name);
  }

  #followWriter(hosted: HostedSubject, operation: Operation | undefined, exit: ExitCause | undefined): void {
    const { writer, writerKind: kind } = this.channel;
    if (isStart(writer, hosted)) this.#writer.start();
    else this.#writer.comparePrivate(hosted);
    const offset = offsetOf(writer, operation);
    if (exit !== undefined && offset >= 0 && kind.kind === 'software') {
      this.#world.differ("the writer's access to its channel faults");
      return;
    }
    if (exit !== undefined || !isMemoryAccess(operation) || operation.kind !== 'write' || !this.#isTouched()) return;
    this.accesses += 1;
    if (operation.sizeBytes === 8 && offset >= 0 && offset % 8 === 0)
      this.#writer.store(hosted, offset, { low: operation.low, high: operation.high });
    else if (kind.kind === 'software') this.#world.differ('the writer stores something else than an aligned word');
    else this.#world.end('the scripted writer stores something else than an aligned word');
  }

  #followReader(hosted: HostedSubject, operation: Operation, exit: ExitCause | undefined): void {
    const { reader, layout, header } = this.channel;
    if (isStart(reader, hosted)) this.#reader.start();
    else this.#reader.comparePrivate(hosted);
    if (!this.#world.isActive) return;
    if (operation.kind !== 'read') {
      if (operation.kind === 'write') this.#world.differ('the reader stores into memory');
      else this.#reader.other(operation);
      return;
    }
    const offset = offsetOf(reader, operation);
    if (offset < 0 || offset + operation.sizeBytes > channelBytes(layout) || operation.sizeBytes !== 8)
      this.#world.differ(`the reader loads ${operation.sizeBytes} bytes outside of the channel`);
    else if (exit !== undefined) this.#world.differ(`the reader's load of ${wordName(layout, offset)} faults`);
    else {
      this.accesses += 1;
      this.#reader.compareValue(hosted, wordAt(this.#system, header + offset), offset);
      if (this.#world.isActive) this.#reader.load(hosted, offset);
    }
  }

  #isTouched(): boolean {
    return touches(this.#system, this.#frames);
  }

  #note(cpu: Cpu, subject: string): void {
    const what = this.#world.difference;
    if (what === '' || this.divergence !== undefined) return;
    this.divergence = { step: this.#system.kernelSteps, cpu: cpu.id, nowTsc: cpu.tsc, subject, what };
  }
}

/** Byte offset of an access from the header, -1 if it is none or lies before it or more than a page behind the region's frames. */
function offsetOf(end: ChannelEnd, operation: Operation | undefined): number {
  if (operation?.kind !== 'read' && operation?.kind !== 'write') return -1;
  const offset = operation.address - end.address;
  return offset >= 0 && offset < PAGE_SIZE_BYTES * 0x1000 ? offset : -1;
}
