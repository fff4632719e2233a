import type { CheckContext } from '../../src/engine/property.ts';
import type { MemoryRegion, PolicyDocument } from '../../src/policy/document.ts';
import { runsByItself } from '../software-runs.ts';
import type { Workbench } from '../workbench.ts';

/** Where a subject sees a channel and how it waits or announces. */
export interface ChannelParty {
  readonly subject: string;
  readonly address: number;
}

export interface ChannelWriterParty extends ChannelParty {
  /** vmcall number that announces data; one without an event where the policy has none. */
  readonly event: number;
  /** Address of its scheduling information. */
  readonly schedulingInfo: number;
}

export interface ChannelReaderParty extends ChannelParty {
  readonly sleepEvent: number | undefined;
  readonly yieldEvent: number | undefined;
}

/** A channel of the policy that writer and reader software can use. */
export interface ChannelChoice {
  readonly region: MemoryRegion;
  readonly writer: ChannelWriterParty;
  readonly readers: readonly ChannelReaderParty[];
}

/** A header and two elements of one word. */
const SMALLEST_BYTES = 64 + 2 * 8;
/** Channels that a check looks at, at most. */
const MAX_CHANNELS = 12;
/** Readers of one channel that run at once, at most. */
const MAX_READERS = 2;

/** Channels with one writer and a reader that both get the CPU, in policy order. */
export function channelChoices(context: CheckContext, found: Workbench): readonly ChannelChoice[] {
  return context.document.memory.flatMap(region => choiceOf(context, found, region)).slice(0, MAX_CHANNELS);
}

function choiceOf(context: CheckContext, found: Workbench, region: MemoryRegion): readonly ChannelChoice[] {
  const isZero = region.content === undefined || (region.content.kind === 'fill' && region.content.pattern === 0);
  if (region.type !== 'subject_channel' || region.sizeBytes < SMALLEST_BYTES || !isZero) return [];
  const mapped = context.document.subjects.flatMap(subject =>
    subject.memory.filter(mapping => mapping.physical === region.name).map(mapping => ({ subject, mapping })),
  );
  const [writer, ...others] = mapped.filter(({ mapping }) => mapping.writable);
  if (writer === undefined || others.length > 0) return [];
  const readers = mapped
    .filter(({ subject, mapping }) => !mapping.writable && runsByItself(context, found, subject.name))
    .filter(({ subject }, index, all) => {
      const before = [writer, ...all.slice(0, index)];
      return before.every(other => !sharesGroup(context.document, other.subject.name, subject.name));
    })
    .slice(0, MAX_READERS);
  if (readers.length === 0) return [];
  const schedulingInfo = schedulingInfoOf(context.document, writer.subject.name);
  if (schedulingInfo === undefined || !runsByItself(context, found, writer.subject.name)) return [];
  const names = readers.map(({ subject }) => subject.name);
  return [
    {
      region,
      writer: {
        subject: writer.subject.name,
        address: writer.mapping.virtualAddress,
        event: announcement(found, writer.subject.name, names),
        schedulingInfo,
      },
      readers: readers.map(({ subject, mapping }) => ({
        subject: subject.name,
        address: mapping.virtualAddress,
        sleepEvent: actionOf(found, subject.name, 'subject_sleep'),
        yieldEvent: actionOf(found, subject.name, 'subject_yield'),
      })),
    },
  ];
}

/** Two members of one group do not both get the CPU unless they hand it over, which channel software does not. */
const sharesGroup = (document: PolicyDocument, left: string, right: string): boolean =>
  document.scheduling.partitions
    .flatMap(partition => partition.groups)
    .some(group => [left, right].every(name => group.subjects.some(member => member.name === name)));

function schedulingInfoOf(document: PolicyDocument, subject: string): number | undefined {
  const types = new Map(document.memory.map(region => [region.name, region.type]));
  return document.subjects
    .find(row => row.name === subject)
    ?.memory.find(mapping => types.get(mapping.physical) === 'subject_scheduling_info')?.virtualAddress;
}

/** The event that interrupts a reader, else a number without an event, which the kernel ignores. */
function announcement({ vocabularies }: Workbench, writer: string, readers: readonly string[]): number {
  const own = vocabularies.find(row => row.subject === writer);
  const wakes = own?.vmcalls.find(
    call => readers.includes(call.target) && call.mode !== 'switch' && call.targetAction !== 'reset',
  );
  return wakes?.number ?? own?.undeclared[0] ?? 0;
}

const actionOf = ({ vocabularies }: Workbench, subject: string, action: string): number | undefined =>
  vocabularies.find(row => row.subject === subject)?.vmcalls.find(call => call.action === action)?.number;

/** Reason why no channel of the policy can be followed, empty if one can. */
export function noChannel(context: CheckContext, choices: readonly ChannelChoice[]): string {
  if (choices.length > 0) return '';
  return context.document.memory.some(region => region.type === 'subject_channel')
    ? 'no channel has exactly one writer and a reader that both get the CPU whatever other subjects do'
    : 'the policy has no channel';
}
