import { describe, expect, it } from 'vitest';
import { type FuzzStatus, panelLines, statusLine } from '../../src/cli/fuzz-panel.ts';
import { createPanel } from '../../src/host/terminal.ts';

const status: FuzzStatus = {
  title: 'fuzz machine-code  guest, coverage-guided, seed 1',
  executions: 512,
  total: 1024,
  perSecond: 300.4,
  kernelSteps: 20_000,
  features: 900,
  corpus: 120,
  lastNew: 500,
  possibleExits: 144,
  reachedExits: 143,
  findings: [],
};

describe('the status of a campaign', () => {
  it('is a panel on a terminal, rewritten in place, and gone at the end', () => {
    let out = '';
    const panel = createPanel(text => (out += text), { isTty: true, env: { TERM: 'xterm' }, noColor: true }, 60);
    panel.update(panelLines(status), statusLine(status));
    expect(out).toContain('[###############...............] 50 %\n');
    expect(out).toContain('143 of 144 kinds reached');
    expect(out.split('\n').every(line => line.length < 60)).toBe(true);
    panel.end();
    expect(out.endsWith(`\x1b[${panelLines(status).length}A\r\x1b[0J`)).toBe(true);
  });

  it('shows whole lines on a pseudo terminal without a size', () => {
    let out = '';
    const panel = createPanel(text => (out += text), { isTty: true, env: { TERM: 'xterm' }, noColor: true }, 0);
    panel.update(panelLines(status), statusLine(status));
    expect(out).toBe(
      panelLines(status)
        .map(line => `${line}\n`)
        .join(''),
    );
  });

  it('is a plain line where there is no terminal, or a CI behind it', () => {
    for (const facts of [
      { isTty: false, env: {}, noColor: true },
      { isTty: true, env: { CI: 'true' }, noColor: true },
    ]) {
      let out = '';
      const panel = createPanel(text => (out += text), facts, 60);
      panel.update(panelLines(status), statusLine(status));
      panel.end();
      expect(out).not.toContain('\x1b');
    }
    expect(statusLine(status)).toBe('512/1_024 executions (300/s)  20_000 exits  900 features  corpus 120  0 findings');
  });

  it('names the first findings and counts the others', () => {
    const findings = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(panelLines({ ...status, findings }).slice(-5)).toEqual([
      '    x  a',
      '    x  b',
      '    x  c',
      '    x  d',
      '    and 2 more',
    ]);
  });
});
