import { expect, test } from 'vitest';
import { choosePaint, createProgress } from '../../src/host/terminal.ts';

const facts = (isTty: boolean, env: Record<string, string> = {}, noColor = false) => ({ isTty, env, noColor });
const isColoured = (of: ReturnType<typeof facts>): boolean => choosePaint(of)('bad', 'x').includes('\u001b');

test.each([
  ['terminal', facts(true), true],
  ['pipe', facts(false), false],
  ['NO_COLOR', facts(true, { NO_COLOR: '1' }), false],
  ['empty NO_COLOR', facts(true, { NO_COLOR: '' }), true],
  ['--no-color', facts(true, { FORCE_COLOR: '1' }, true), false],
  ['FORCE_COLOR in a pipe', facts(false, { FORCE_COLOR: '1' }), true],
  ['FORCE_COLOR=0', facts(true, { FORCE_COLOR: '0' }), false],
  ['NO_COLOR beats FORCE_COLOR', facts(false, { NO_COLOR: '1', FORCE_COLOR: '1' }), false],
  ['dumb terminal', facts(true, { TERM: 'dumb' }), false],
] as const)('colour: %s', (_, of, expected) => {
  expect(isColoured(of)).toBe(expected);
});

test('a terminal gets one line that is rewritten and cleared', () => {
  let out = '';
  const progress = createProgress(text => (out += text), facts(true), 20);
  progress.update('half of it is done already');
  progress.end();
  expect(out).toBe(`\rhalf of it is done \r${' '.repeat(19)}\r`);
});

test.each([
  ['pipe', facts(false)],
  ['CI', facts(true, { CI: 'true' })],
] as const)('no carriage return: %s', (_, of) => {
  let out = '';
  const progress = createProgress(text => (out += text), of, 20);
  for (let index = 0; index < 100; index++) progress.update('x');
  progress.end();
  expect(out).not.toContain('\r');
});
