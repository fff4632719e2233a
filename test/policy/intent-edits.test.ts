import { describe, expect, it } from 'vitest';
import type { MemoryType, PolicyDocument } from '../../src/policy/document.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import {
  ADDED_LINE,
  addMapping,
  DEMO,
  editMapping,
  goldenText,
  haveGolden,
  insertMapping,
  makeWritable,
  needsGolden,
  parse,
  seat,
} from './intent-editing.ts';

const text = haveGolden ? goldenText(DEMO) : '';
const demo = haveGolden ? parse(text) : undefined;

/** Violations of a policy whose `line` was edited, all of which must name that line. */
function violationsNaming(document: PolicyDocument, line: number): string[] {
  return inferIntent(document).violations.map(({ code, line: own, relatedLines }) => {
    expect([own, ...relatedLines]).toContain(line);
    return code;
  });
}

const lineOf = (source: string, name: string): number =>
  source.split('\n').findIndex(line => line.includes(`name="${name}"`)) + 1;

describe.skipIf(!demo)(`edits of the demo policy as text${needsGolden}`, () => {
  it.each([
    ['vt', 'nic_linux|ram', true],
    ['vt', 'nic_linux|ram', false],
    ['ps2', 'controller|data', true],
    ['ps2', 'controller|stack', false],
    ['dbgserver', 'storage_linux|lowmem', true],
    ['nic_sm', 'nic_linux|lowmem', true],
    ['nic_linux', 'storage_linux|ram', true],
    ['example', 'storage_sm|bss', false],
    ['tau0', 'time|text', false],
    ['storage_linux', 'vt|sinfo', false],
  ])('%s maps %s (writable: %s)', (subject, region, writable) => {
    const edit = insertMapping(text, subject, region, writable);
    const { violations } = inferIntent(parse(edit.text));
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ code: 'INTENT-PRIVATE-REGION', line: edit.line });
    const regionLine = lineOf(edit.text, region);
    expect(violations[0]!.relatedLines).toContain(regionLine);
    expect(violations[0]!.message).toContain(`line ${regionLine}`);
  });

  it.each([
    ['vt', 'input_events'],
    ['vt', 'virtual_console_2'],
    ['storage_linux', 'virtual_input_2'],
    ['nic_dm', 'nic_dm_request'],
    ['ahci_drv', 'blockdev_request1'],
    ['storage_linux', 'example_response'],
  ])('the mapping of reader %s of channel %s becomes writable', (subject, channel) => {
    const edit = makeWritable(text, subject, channel);
    const [found, ...rest] = inferIntent(parse(edit.text)).violations;
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ code: 'INTENT-CHANNEL-READER-WRITES', line: edit.line });
    expect(found!.relatedLines).toContain(lineOf(edit.text, channel));
  });

  it.each([
    ['time_info', 'nic_sm', 'reader without event'],
    ['debuglog_subject1', 'dbgserver', 'reader without event'],
  ])('a reader of %s, a channel without event, becomes writable: %s', (channel, subject) => {
    const edit = makeWritable(text, subject, channel);
    const { violations } = inferIntent(parse(edit.text));
    expect(violations.map(found => found.line)).toContain(edit.line);
    expect(new Set(violations.map(found => found.code))).toEqual(new Set(['INTENT-SECOND-WRITER']));
  });

  it.each([
    ['ps2', 'virtual_input_1'],
    ['controller', 'virtual_console_1'],
    ['nic_linux', 'input_events'],
    ['tau0', 'blockdev_response2'],
  ])('%s becomes a second writer of channel %s', (subject, channel) => {
    const edit = insertMapping(text, subject, channel, true);
    const [found, ...rest] = inferIntent(parse(edit.text)).violations;
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ code: 'INTENT-SECOND-WRITER', line: edit.line });
    expect(found!.relatedLines).toContain(lineOf(edit.text, channel));
  });
});

const PAGES: readonly MemoryType[] = ['subject_state', 'subject_interrupts', 'subject_timed_event'];

/** What the rules of DESIGN section 5 allow, decided from the policy by other means than those of the implementation. */
function isMonitor(
  document: PolicyDocument,
  subject: string,
  owner: string,
  type: MemoryType,
  writable: boolean,
): boolean {
  if (!PAGES.includes(type)) return false;
  const [a, b] = [seat(document, subject), seat(document, owner)];
  return writable ? a === b : a.split('/')[0] === b.split('/')[0];
}

describe.skipIf(!demo)(`every single added mapping of the demo policy${needsGolden}`, () => {
  const document = demo!;

  it('of private memory is caught, unless the subject is a monitor', () => {
    const count = { caught: 0, monitor: 0 };
    document.subjects.forEach(({ name: subject }, row) => {
      document.memory.forEach((region, column) => {
        const owner = region.name.split('|')[0]!;
        if (!region.name.includes('|') || owner === subject) return;
        // Rights matter for monitored pages only; elsewhere either must be caught, and each pair tries one.
        for (const writable of PAGES.includes(region.type) ? [false, true] : [(row + column) % 2 === 0]) {
          const edited = addMapping(document, subject, { physical: region.name, writable });
          const found = violationsNaming(edited, ADDED_LINE);
          const monitor = isMonitor(document, subject, owner, region.type, writable);
          expect([subject, region.name, writable, found.length]).toEqual([
            subject,
            region.name,
            writable,
            monitor ? 0 : 1,
          ]);
          count[monitor ? 'monitor' : 'caught'] += 1;
        }
      });
    });
    // Ordered pairs in one partition: 4*3 (nic_linux) + 2*1 (debugserver) + 4*3 (storage_linux) = 26; in one group: 12 + 0 + 6 = 18; 3 pages each.
    expect(count).toEqual({ caught: 3820, monitor: 3 * 26 + 3 * 18 });
  });

  it('of a channel is caught if it is writable and shown as a reader if it is not', () => {
    const channels = document.memory.filter(region => region.type === 'subject_channel');
    let writers = 0;
    for (const { name: channel } of channels) {
      for (const { name: subject, memory } of document.subjects) {
        if (memory.some(mapping => mapping.physical === channel && mapping.writable)) continue;
        const found = violationsNaming(
          addMapping(document, subject, { physical: channel, writable: true }),
          ADDED_LINE,
        );
        expect([channel, subject, found.length > 0]).toEqual([channel, subject, true]);
        writers += 1;
        const reader = inferIntent(addMapping(document, subject, { physical: channel }));
        expect(reader.violations).toEqual([]);
        expect(reader.explained.find(({ line }) => line === ADDED_LINE)).toMatchObject({
          rule: 'channel-reader',
          resource: channel,
        });
      }
    }
    expect(writers).toBeGreaterThan(300);
  });

  it('every read-only mapping of a channel is caught when it becomes writable', () => {
    let flipped = 0;
    const types = new Map(document.memory.map(region => [region.name, region.type]));
    for (const { name, memory } of document.subjects) {
      for (const mapping of memory) {
        if (mapping.writable || types.get(mapping.physical) !== 'subject_channel') continue;
        const found = violationsNaming(
          editMapping(document, name, mapping.logical, { writable: true }),
          mapping.at.line,
        );
        expect([name, mapping.physical, found.length > 0]).toEqual([name, mapping.physical, true]);
        flipped += 1;
      }
    }
    expect(flipped).toBeGreaterThan(20);
  });
});
