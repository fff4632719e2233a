import { childrenNamed, createElement, type TreeElement } from '../tree.ts';
import type { Workspace } from '../workspace.ts';
import { mappingElement, regionElement } from './regions.ts';
import { mappingsOf, nameOf, sourceGroup, subjectsOf, targetEvents } from './subjects.ts';

const physicalChannels = (workspace: Workspace): TreeElement[] => workspace.all('channels/channel');

const endsOf = (subject: TreeElement): TreeElement[] =>
  childrenNamed(subject, 'channels').flatMap(section => section.children);

/** Adds the memory of each channel. */
export function addChannelMemory(workspace: Workspace): void {
  for (const channel of physicalChannels(workspace)) {
    const name = workspace.text(channel, 'name');
    const sizeBytes = workspace.word(channel, 'size');
    const region = regionElement(channel, { name, sizeBytes, type: 'subject_channel', zero: true });
    region.attributes.size = workspace.text(channel, 'size');
    workspace.section('memory').children.push(region);
  }
}

/** Maps each channel where its readers and writers want it: only writers may write. */
export function addChannelMappings(workspace: Workspace): void {
  for (const subject of subjectsOf(workspace)) {
    for (const end of endsOf(subject)) {
      const logical = workspace.text(end, 'logical');
      const physical = workspace.text(end, 'physical');
      const address = workspace.word(end, 'virtualAddress');
      const mapping = mappingElement(end, logical, physical, address, { writable: end.name === 'writer' });
      mapping.attributes.virtualAddress = workspace.text(end, 'virtualAddress');
      mappingsOf(subject).push(mapping);
    }
  }
}

/** Adds the event of each channel that has one: the writer can trigger it, the reader is interrupted. */
export function addChannelEvents(workspace: Workspace): void {
  for (const channel of physicalChannels(workspace)) {
    const mode = channel.attributes.hasEvent;
    if (mode === undefined) continue;
    const name = nameOf(channel);
    workspace.section('events').children.push(createElement(channel, 'event', { mode, name }));
    for (const subject of subjectsOf(workspace)) {
      for (const end of endsOf(subject).filter(({ attributes }) => attributes.physical === name)) {
        if (end.name === 'writer') addWriterEvent(subject, end);
        else addReaderEvent(subject, end);
      }
    }
  }
}

function addWriterEvent(subject: TreeElement, writer: TreeElement): void {
  const { event, logical = '', physical = '' } = writer.attributes;
  const id = event === undefined ? {} : { id: event };
  sourceGroup(subject, 'vmcall').children.push(createElement(writer, 'event', { ...id, logical, physical }));
}

function addReaderEvent(subject: TreeElement, reader: TreeElement): void {
  const { logical = '', physical = '', vector } = reader.attributes;
  const action =
    vector === undefined || vector === 'none' ? [] : [createElement(reader, 'inject_interrupt', { vector })];
  targetEvents(subject).push(createElement(reader, 'event', { logical, physical }, action));
}

/** Removes channels: they are memory and events now. */
export function removeChannels(workspace: Workspace): void {
  workspace.root.children = workspace.root.children.filter(({ name }) => name !== 'channels');
  for (const subject of subjectsOf(workspace)) {
    subject.children = subject.children.filter(({ name }) => name !== 'channels');
  }
}
