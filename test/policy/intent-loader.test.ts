import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { inferIntent } from '../../src/policy/intent.ts';
import { intentFacts } from '../../src/policy/intent-facts.ts';
import { findLoaders } from '../../src/policy/intent-loader.ts';
import {
  addMapping,
  DEMO,
  editMapping,
  editRegion,
  editSubject,
  goldenText,
  haveGolden,
  needsGolden,
  parse,
} from './intent-editing.ts';

const demo = haveGolden ? parse(goldenText(DEMO)) : undefined;
const codes = (document: PolicyDocument): string[] => inferIntent(document).violations.map(found => found.code);

describe.skipIf(!demo)(`loaders of the demo system${needsGolden}`, () => {
  const document = demo!;

  it('recognises nic_sl as the loader of nic_linux and nothing else', () => {
    const found = findLoaders(intentFacts(document));
    expect(found.map(({ loader, loadee, offset }) => [loader.name, loadee.name, offset])).toEqual([
      ['nic_sl', 'nic_linux', 0x1_0000_0000],
    ]);
  });

  it.each([
    ['executable', { executable: true }],
    ['at another offset', { virtualAddress: 0x5_0000_0000 }],
    ['under another name', { logical: 'nic_linux_memory' }],
  ])('does not recognise it when one mirrored private region is %s', (_, fields) => {
    const edited = editMapping(document, 'nic_sl', 'nic_linux_ram', fields);
    expect(findLoaders(intentFacts(edited))).toEqual([]);
    expect(codes(edited)).toContain('INTENT-PRIVATE-REGION');
  });

  it('does not recognise it when the loadee would start without it', () => {
    const edited = editSubject(document, 'nic_linux', subject => ({
      ...subject,
      vcpu: { ...subject.vcpu, cr4: { ...subject.vcpu.cr4, VMXEnable: 1 } },
    }));
    expect(codes(edited)).toContain('INTENT-PRIVATE-REGION');
  });

  it('does not let a loader write what its loadee only reads', () => {
    expect(codes(editMapping(document, 'nic_sl', 'nic_linux_sinfo', { writable: true }))).toContain(
      'INTENT-PRIVATE-REGION',
    );
    const channel = codes(editMapping(document, 'nic_sl', 'nic_linux_virtual_input', { writable: true }));
    expect(channel).toEqual(['INTENT-SECOND-WRITER']);
  });

  it('does not let a loader write a stored copy or use one whose hash does not refer to it', () => {
    expect(codes(editMapping(document, 'nic_sl', 'nic_linux_binary_src', { writable: true }))).toEqual([
      'INTENT-PRIVATE-REGION',
    ]);
    expect(codes(editRegion(document, 'nic_linux|binary_nic_linux', { hashRef: 'other' }))).toEqual([
      'INTENT-PRIVATE-REGION',
    ]);
  });

  it('does not take one well-named mapping for a loader', () => {
    const ram = document.subjects
      .find(({ name }) => name === 'nic_linux')!
      .memory.find(({ logical }) => logical === 'ram')!;
    const forged = {
      physical: ram.physical,
      logical: 'nic_linux_ram',
      virtualAddress: ram.virtualAddress + 0x100_0000_0000,
      writable: true,
    };
    expect(codes(addMapping(document, 'vt', forged))).toEqual(['INTENT-PRIVATE-REGION']);
  });

  it('still recognises the loader when the loadee gets a foreign region, and blames only that', () => {
    const intent = inferIntent(addMapping(document, 'nic_linux', { physical: 'vt|stack', writable: true }));
    expect(intent.violations.map(found => found.code)).toEqual(['INTENT-PRIVATE-REGION']);
    expect(intent.warnings.map(found => found.code)).toContain('INTENT-LOADER-INCOMPLETE');
  });
});
