import { groupDigits } from '../../trace/text.ts';
import { escapeMarkup } from '../markup.ts';
import { colourClass, element, label, picture, title } from './svg.ts';
import type { PicturedFrame, PicturedMajorFrame, SystemPicture } from './system-picture.ts';

const WIDTH = 1000;
const LANE = 34;
const GUTTER = 52;
/** Frames that a picture shows at most; plans of real systems have some dozens. */
const MAX_FRAMES = 2000;

/** The scheduling plan: one picture per major frame with a lane per CPU, and what each partition holds. */
export function schedulePicture(system: SystemPicture): string {
  const count = system.majorFrames.reduce((sum, major) => sum + framesOf(major).length, 0);
  if (count === 0) return '';
  if (count > MAX_FRAMES) return `<h2>Scheduling plan</h2><p>${groupDigits(count)} minor frames: too many to draw.</p>`;
  const colours = new Map(system.partitions.map((partition, index) => [partition.name, colourClass(index)]));
  const majors = system.majorFrames.map((major, index) => majorPicture(major, index, system.tickRateHz, colours));
  return `<h2>Scheduling plan</h2>${majors.join('\n')}${partitionTable(system, colours)}`;
}

const framesOf = (major: PicturedMajorFrame): readonly PicturedFrame[] => major.cpus.flatMap(cpu => cpu.frames);

const ticksOf = (frames: readonly PicturedFrame[]): number => frames.reduce((sum, frame) => sum + frame.ticks, 0);

function majorPicture(
  major: PicturedMajorFrame,
  index: number,
  tickRateHz: number,
  colours: ReadonlyMap<string, string>,
): string {
  const total = Math.max(1, ...major.cpus.map(cpu => ticksOf(cpu.frames)));
  const scale = (WIDTH - GUTTER) / total;
  const lanes = major.cpus.map((cpu, lane) => laneOf(cpu.id, cpu.frames, lane * LANE, scale, colours));
  const milliseconds = tickRateHz > 0 ? `, ${((total / tickRateHz) * 1000).toFixed(3)} ms` : '';
  const name = `major frame ${index}: ${groupDigits(total)} ticks${milliseconds}`;
  const height = major.cpus.length * LANE;
  return `<figure><figcaption>${escapeMarkup(name)}</figcaption>${picture(name, WIDTH, height, lanes.join(''))}</figure>`;
}

function laneOf(
  cpu: number,
  frames: readonly PicturedFrame[],
  y: number,
  scale: number,
  colours: ReadonlyMap<string, string>,
): string {
  let x = GUTTER;
  const parts = [label(`cpu${cpu}`, 0, y + 20, GUTTER)];
  for (const frame of frames) {
    const width = frame.ticks * scale;
    const barrier = frame.barrier === 0 ? '' : `, then waits at barrier ${frame.barrier}`;
    const tip = title(`${frame.partition}: ${frame.ticks} ticks${barrier} (policy line ${frame.line})`);
    const box = { x, y: y + 2, width: Math.max(0.5, width - 1), height: LANE - 6 };
    parts.push(element('rect', { ...box, class: colours.get(frame.partition) ?? 'c0' }, tip));
    parts.push(label(frame.partition, x + 4, y + 20, width - 8, { class: 'on' }));
    x += width;
    if (frame.barrier !== 0)
      parts.push(element('line', { x1: x - 0.5, x2: x - 0.5, y1: y, y2: y + LANE, class: 'barrier' }));
  }
  return parts.join('');
}

function partitionTable(system: SystemPicture, colours: ReadonlyMap<string, string>): string {
  const rows = system.partitions.map(({ name, cpu, groups }) => {
    const members = groups.map(group => group.map(escapeMarkup).join(' + ')).join(' | ');
    const swatch = `<span class="swatch ${colours.get(name) ?? ''}"></span>`;
    return `<tr><td>${swatch}${escapeMarkup(name)}</td><td class="number">${cpu}</td><td>${members}</td></tr>`;
  });
  const head =
    '<tr><th>partition</th><th class="number">cpu</th><th>subjects: <code>+</code> hand over within a group, <code>|</code> separates groups</th></tr>';
  return `<details><summary>Partitions (${rows.length}); a vertical line is a barrier</summary><table><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table></details>`;
}
