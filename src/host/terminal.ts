import { styleText } from 'node:util';
import { type Paint, plainPaint } from '../units/paint.ts';
import { nowMs } from './clock.ts';

const STYLES = { good: 'green', bad: 'red', warn: 'yellow', dim: 'gray', strong: 'bold' } as const;

// The choice is made by choosePaint, from facts that a test can set.
const colourPaint: Paint = (tone, text) => styleText(STYLES[tone], text, { validateStream: false });

/** What the choice of colour and animation depends on. */
export interface TerminalFacts {
  readonly isTty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly noColor: boolean;
}

/** NO_COLOR (any non-empty value) and `--no-color` win, then FORCE_COLOR, then whether the stream is a terminal. */
export function choosePaint(facts: TerminalFacts): Paint {
  if (facts.noColor || (facts.env.NO_COLOR ?? '') !== '') return plainPaint;
  const forced = facts.env.FORCE_COLOR;
  if (forced !== undefined) return forced === '0' || forced === 'false' ? plainPaint : colourPaint;
  return facts.isTty && facts.env.TERM !== 'dumb' ? colourPaint : plainPaint;
}

/** One-line progress. */
export interface Progress {
  update(line: string): void;
  end(): void;
}

const PLAIN_INTERVAL_MS = 5000;
const LIVE_INTERVAL_MS = 80;

/**
 * Progress on one stream: a line rewritten in place on a terminal outside CI, otherwise a plain line every five seconds.
 */
export function createProgress(write: (text: string) => void, facts: TerminalFacts, columns: number): Progress {
  const live = facts.isTty && (facts.env.CI ?? '') === '' && facts.env.TERM !== 'dumb';
  let lastMs = live ? Number.NEGATIVE_INFINITY : nowMs();
  let shown = false;
  return {
    update(line) {
      const now = nowMs();
      if (now - lastMs < (live ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS)) return;
      lastMs = now;
      if (live) {
        write(`\r${line.slice(0, columns - 1).padEnd(columns - 1)}`);
        shown = true;
      } else {
        write(`${line}\n`);
      }
    },
    end() {
      if (shown) write(`\r${' '.repeat(columns - 1)}\r`);
      shown = false;
    },
  };
}

/** Several lines of progress. */
export interface Panel {
  /** `plain` is what a stream gets that is no terminal. */
  update(lines: readonly string[], plain: string): void;
  end(): void;
}

/** To the start of the line `up` above, and everything below it erased. */
const erase = (up: number): string => (up === 0 ? '' : `\x1b[${up}A\r\x1b[0J`);

/** A panel that is rewritten in place on a terminal outside CI; otherwise a plain line every five seconds. */
export function createPanel(write: (text: string) => void, facts: TerminalFacts, columns: number): Panel {
  const isLive = facts.isTty && (facts.env.CI ?? '') === '' && facts.env.TERM !== 'dumb';
  if (!isLive) {
    const progress = createProgress(write, facts, columns);
    return { update: (_lines, plain) => progress.update(plain), end: () => progress.end() };
  }
  // Some pseudo terminals have no size.
  const width = columns > 1 ? columns - 1 : 79;
  let lastMs = Number.NEGATIVE_INFINITY;
  let shown = 0;
  return {
    update(lines) {
      const now = nowMs();
      if (now - lastMs < LIVE_INTERVAL_MS) return;
      lastMs = now;
      write(erase(shown) + lines.map(line => `${line.slice(0, width)}\n`).join(''));
      shown = lines.length;
    },
    end() {
      write(erase(shown));
      shown = 0;
    },
  };
}

export const silentPanel: Panel = { update: () => undefined, end: () => undefined };

export const silentProgress: Progress = { update: () => undefined, end: () => undefined };
