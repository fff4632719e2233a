import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type CaseTranscript, readTranscript } from './case-program.ts';

/*
 * Compact form of a transcript of the case hypervisor: the capability lines, every distinct outcome once, then per case the number of
 * its outcome (base 36), 32 to a line.
 */

const PER_LINE = 32;

export function packTranscript({ capabilities, lines }: CaseTranscript): string {
  const outcomes = [...new Set(lines)];
  const numbers = new Map(outcomes.map((outcome, index) => [outcome, index.toString(36)]));
  const packed: string[] = [];
  for (let at = 0; at < lines.length; at += PER_LINE) {
    packed.push(
      lines
        .slice(at, at + PER_LINE)
        .map(line => numbers.get(line)!)
        .join(' '),
    );
  }
  return [...capabilities, `outcomes ${outcomes.length}`, ...outcomes, `cases ${lines.length}`, ...packed, ''].join(
    '\n',
  );
}

export function unpackTranscript(text: string): CaseTranscript {
  const all = text.split('\n');
  const start = all.findIndex(line => line.startsWith('outcomes '));
  const count = Number(all[start]!.split(' ')[1]);
  const outcomes = all.slice(start + 1, start + 1 + count);
  const numbers = all
    .slice(start + 2 + count)
    .join(' ')
    .split(' ')
    .filter(word => word !== '');
  return { capabilities: all.slice(0, start), lines: numbers.map(number => outcomes[Number.parseInt(number, 36)]!) };
}

const pathOf = (name: string): string => new URL(`../golden/${name}.txt`, import.meta.url).pathname;

/** The committed transcript; what Bochs printed when it was recorded. */
export function goldenTranscript(name: string): CaseTranscript {
  const path = pathOf(name);
  return existsSync(path) ? unpackTranscript(readFileSync(path, 'utf8')) : { capabilities: [], lines: [] };
}

/** Packs what an emulator printed; with MUENCHECK_UPDATE=1 it becomes the committed transcript. */
export function recordTranscript(name: string, text: string): CaseTranscript {
  const transcript = readTranscript(text);
  if (process.env.MUENCHECK_UPDATE === '1') writeFileSync(pathOf(name), packTranscript(transcript));
  return transcript;
}
