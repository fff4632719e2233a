import { describe, expect, it } from 'vitest';
import { LABEL_FINDINGS, labelFindings } from '../../src/policy/label-rules.ts';
import { both, oneBarrier, oneGroup, replace, twoCpus } from './policy-editing.ts';
import { bytesOf, parsed } from './shared-files.ts';
import { smallPolicy } from './small-policy.ts';

const LABELS = new Map([
  ['alpha', 'secret'],
  ['beta', 'open'],
]);

const found = (text: string, labels: ReadonlyMap<string, string> = LABELS) =>
  labelFindings(parsed(bytesOf(text)).document, labels).map(({ code, message }) => `${code}: ${message}`);
const codes = (text: string): string[] => found(text).map(line => line.split(':')[0]!);

/** A frame of a partition without labelled subjects, before that of beta. */
const scrubbed = both(
  replace('<minorFrame barrier="none" partition="beta"', '<minorFrame barrier="none" partition="scrub" ticks="5"/>$&'),
  replace(/(<minorFrame [^>]*partition="beta"[^>]*>)/, '$1<minorFrame barrier="none" partition="scrub" ticks="5"/>'),
);

describe('labels', () => {
  it('say nothing about subjects of one label, or without any', () => {
    expect(
      found(
        smallPolicy(),
        new Map([
          ['alpha', 'x'],
          ['beta', 'x'],
        ]),
      ),
    ).toEqual([]);
    expect(found(smallPolicy(), new Map([['alpha', 'x']]))).toEqual([]);
    expect(found(smallPolicy(), new Map())).toEqual([]);
  });

  it('see a shared core and frames right after each other', () => {
    expect(found(smallPolicy())).toEqual([
      "LABEL-SLOT: 'alpha' (label 'secret') and 'beta' (label 'open') run right after each other on CPU 0",
      "LABEL-CORE: 'alpha' (label 'secret') and 'beta' (label 'open') share CPU 0",
    ]);
  });

  it('see a scrubber between the frames', () => {
    expect(codes(scrubbed(smallPolicy()))).toEqual(['LABEL-CORE']);
  });

  it('see a shared partition', () => {
    expect(codes(oneGroup(smallPolicy()))).toEqual(['LABEL-PARTITION']);
  });

  it.each([twoCpus, oneBarrier])('see frames at the same time on two cores', edit => {
    expect(found(edit(smallPolicy()))).toEqual([
      "LABEL-SLOT: 'alpha' (label 'secret') and 'beta' (label 'open') run at the same time on the CPUs 0 and 1, which share a cache",
    ]);
  });

  it('are explained', () => {
    for (const { title, hint } of Object.values(LABEL_FINDINGS)) expect([title, hint]).not.toContain('');
  });
});
