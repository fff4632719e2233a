import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { flowPictures } from '../../../src/report/picture/flows.ts';
import { schedulePicture } from '../../../src/report/picture/schedule.ts';
import { timelinePicture } from '../../../src/report/picture/timeline.ts';
import type { TimelineRow } from '../../../src/trace/trace.ts';
import { HOSTILE } from '../../trace/fake-trace.ts';
import { fakeSystem } from './fake-system.ts';

interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Start tags of a piece of markup; throws if it is not well-formed, as every picture is. */
function tagsOf(markup: string): Tag[] {
  const tags: Tag[] = [];
  const parser = new SaxesParser();
  parser.on('error', cause => {
    throw cause;
  });
  parser.on('opentag', tag => tags.push({ name: tag.name, attributes: tag.attributes as Record<string, string> }));
  parser.write(`<all>${markup}</all>`).close();
  return tags;
}

const boxesOf = (markup: string): { x: number; width: number }[] =>
  tagsOf(markup)
    .filter(tag => tag.name === 'rect')
    .map(({ attributes }) => ({ x: Number(attributes.x), width: Number(attributes.width) }));

const rows: readonly TimelineRow[] = [
  { step: 0, tsc: 1000, cpu: 0, subject: 'a', event: 'enter' },
  { step: 0, tsc: 1000, cpu: 1, subject: 'c', event: 'enter' },
  { step: 1, tsc: 3000, cpu: 0, subject: 'a', event: 'exit 18: VMCALL' },
  { step: 1, tsc: 3000, cpu: 0, subject: 'b', event: 'enter', note: 'diverges' },
  { step: 2, tsc: 5000, cpu: 1, subject: 'c', event: 'exit 52' },
];

describe('schedule', () => {
  const markup = schedulePicture(fakeSystem());
  test('draws each minor frame as wide as it is long', () => {
    const [first, second, whole] = boxesOf(markup);
    expect((second!.width + 1) / (first!.width + 1)).toBeCloseTo(70 / 30, 1);
    expect(whole!.width + 1).toBeCloseTo(first!.width + second!.width + 2, 0);
  });
  test('says how long a major frame is, and draws the barrier', () => {
    expect(markup).toContain('major frame 0: 100 ticks, 100.000 ms');
    expect(tagsOf(markup).filter(tag => tag.attributes.class === 'barrier')).toHaveLength(1);
  });
  test('does not draw a plan of thousands of frames', () => {
    const frames = Array.from({ length: 2001 }, () => ({ partition: 'a', ticks: 1, barrier: 0, line: 1 }));
    const markupOfMany = schedulePicture({ ...fakeSystem(), majorFrames: [{ cpus: [{ id: 0, frames }] }] });
    expect(markupOfMany).toContain('2_001 minor frames: too many to draw');
    expect(markupOfMany).not.toContain('<svg');
  });
});

describe('flows', () => {
  const markup = flowPictures(fakeSystem());
  test('draws flows in both directions as one line with two tips, the stronger kind first', () => {
    const lines = tagsOf(markup).filter(tag => tag.attributes.class?.startsWith('flow '));
    expect(lines.map(line => line.attributes.class)).toEqual(['flow data']);
    expect(lines[0]!.attributes).toHaveProperty('marker-start');
  });
  test('names the subjects that it does not draw', () => {
    expect(markup).toContain('Not drawn, without any such flow: c.');
  });
  test('the matrix has a letter per ordered pair, with mechanisms and lines', () => {
    expect(markup).toContain('<td class="data" title="a -&gt; b&#10;channel x (policy line 3)">D</td>');
    expect(markup).toContain('>E</td>');
    expect(markup).toContain('<td class="timing" title="a -&gt; c&#10;barrier 1">t</td>');
  });
  test('does not lay out a graph of hundreds of subjects', () => {
    const subjects = Array.from({ length: 400 }, (_, index) => `s${index}`);
    const flows = subjects
      .slice(1)
      .map((to, index) => ({ from: subjects[index]!, to, kind: 'data' as const, mechanisms: [] }));
    const markupOfMany = flowPictures({ ...fakeSystem(), subjects, others: [], flows });
    expect(markupOfMany).not.toContain('<svg');
    expect(markupOfMany).toContain('400 subjects with 399 flows');
  });
});

describe('timeline', () => {
  const markup = timelinePicture(rows, 'x');
  test('a subject runs from its entry to the next row of its CPU', () => {
    const [first, whole, second] = boxesOf(markup);
    expect(first!.width).toBeCloseTo(second!.width, 0);
    expect(whole!.width).toBeCloseTo(2 * first!.width, 0);
  });
  test('every mark leads to a row of the step table', () => {
    const tags = tagsOf(markup);
    const ids = new Set(tags.map(tag => tag.attributes.id));
    const links = tags.filter(tag => tag.name === 'a').map(tag => tag.attributes.href);
    expect(links).toEqual(['#x-2', '#x-4']);
    for (const link of links) expect(ids).toContain(link!.slice(1));
  });
  test('the failing row stands out', () => {
    expect(markup).toContain('<tr id="x-3" class="noted">');
  });
  test('a trace without rows has no picture', () => {
    expect(timelinePicture([], 'x')).toBe('');
  });
});

test('hostile names stay text, in every picture', () => {
  const system = fakeSystem(text => `${text}${HOSTILE}`);
  const hostileRows = rows.map(row => ({ ...row, subject: HOSTILE, event: HOSTILE, note: HOSTILE }));
  for (const markup of [schedulePicture(system), flowPictures(system), timelinePicture(hostileRows, 'x')]) {
    expect(tagsOf(markup).map(tag => tag.name)).not.toContain('script');
    expect(markup).not.toMatch(/[^\x20-\x7e\n]/);
  }
});
