import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateSuite } from '../../src/explore/conformance.ts';
import { RecordedKernel } from '../../src/explore/recorded-kernel.ts';
import type { RecordedLine } from '../../src/explore/recorded-line.ts';
import { absenceOf, explainUncovered, interleavedTransitions } from '../../src/explore/uncovered.ts';
import { validateEvents } from '../../src/explore/validate-events.ts';
import { type KernelConfig, kernelConfig } from '../../src/model/kernel-config.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const HEADER = '{"format":"muencheck-events","version":1}';
const OPTIONS = { coverage: 'all', seed: 1, length: 30, walks: 12 } as const;

function configOf(scenario: string): KernelConfig {
  const parsed = parsePolicy(readFileSync(new URL(`../../scenarios/${scenario}/policy.xml`, import.meta.url)));
  if (!parsed.ok) throw new Error('the policy does not parse');
  return kernelConfig(parsed.value.document);
}

const validate = (config: KernelConfig, lines: readonly RecordedLine[]) =>
  validateEvents(config, [HEADER, ...lines.map(line => JSON.stringify(line))].join('\n'));

describe.each(['two-subjects', 'log-proxy'])('the suite of %s', scenario => {
  const config = configOf(scenario);
  const suite = generateSuite(config, OPTIONS);

  it('is explained by the model, trace by trace', () => {
    expect(suite.traces.length).toBeGreaterThan(3);
    for (const { lines } of suite.traces) expect(validate(config, lines)).toMatchObject({ kind: 'explained' });
  });

  it('is refused at the line that is changed', () => {
    let changed = 0;
    for (const { lines } of suite.traces) {
      for (const [at, line] of lines.entries()) {
        if (line.enters === undefined || at % 2 !== 0) continue;
        const others = config.subjectNames.filter(name => name !== line.enters);
        const wrong: RecordedLine[] = [
          { ...line, enters: others[at % others.length]! },
          { ...line, injects: line.injects === 77 ? 78 : 77 },
          { ...line, frameEnd: (line.frameEnd ?? 0) + 1 },
        ];
        const verdict = validate(config, lines.with(at, wrong[changed % 3]!));
        expect(verdict).toMatchObject({ kind: 'unexplained', line: at + 2 });
        changed += 1;
      }
    }
    expect(changed).toBeGreaterThan(5);
  });

  it('does not cover what the policy lacks, and the policy lacks nothing that it covers', () => {
    for (const goal of suite.covered) expect(absenceOf(config, goal), goal).toBeUndefined();
    const kernel = new RecordedKernel(config);
    for (const goal of interleavedTransitions(kernel, 7, 20_000)) expect(absenceOf(config, goal), goal).toBeUndefined();
    for (const { reason } of explainUncovered(kernel, suite.uncovered, 1, 1000)) expect(reason).not.toBe('');
  });

  it('is the same for the same seed', () => {
    if (scenario !== 'two-subjects') return;
    expect(generateSuite(config, OPTIONS)).toEqual(suite);
  });
});

it('covers every transition of two-subjects that its policy does not lack', () => {
  const config = configOf('two-subjects');
  const { uncovered } = generateSuite(config, { ...OPTIONS, walks: 60 });
  expect(uncovered.filter(goal => absenceOf(config, goal) === undefined)).toEqual([]);
});

describe('a recorded trace', () => {
  const config = configOf('two-subjects');
  const line = (fields: Partial<RecordedLine>): RecordedLine => ({ cpu: 0, tsc: 1000, event: 'vmcall', ...fields });

  it('cannot have a timer that expires early', () => {
    expect(validate(config, [line({ event: 'timerExpiry' })])).toMatchObject({
      kind: 'unexplained',
      line: 2,
      message: 'the timer of CPU 0 expires at 1000',
      allowed: ['the frame of CPU 0 ends at 480000'],
    });
  });

  it('has a clock that does not run backwards', () => {
    const lines = [line({ tsc: 2000, number: 1 }), line({ tsc: 1999, number: 1 })];
    expect(validate(config, lines)).toMatchObject({ line: 3, message: 'the TSC of CPU 0 runs backwards' });
  });

  it('is judged by what ran before', () => {
    expect(validate(config, [line({ number: 1, subject: 'bob' })])).toMatchObject({
      line: 2,
      message: 'CPU 0 runs bob before vmcall',
      allowed: ['CPU 0 runs alice'],
    });
  });

  it('may end the system', () => {
    const panics = line({ event: 'nmi', ends: 'panic' });
    expect(validate(config, [panics])).toEqual({ kind: 'explained', exits: 1 });
    expect(validate(config, [{ ...panics, ends: 'reboot' }])).toMatchObject({
      allowed: ['the system goes on', 'the system ends by panic'],
    });
  });

  it('counts time from its own start, and names its policy', () => {
    const header = (fields: object): string => JSON.stringify({ ...JSON.parse(HEADER), ...fields });
    const text = (fields: object, tsc: number): string =>
      `${header(fields)}\n${JSON.stringify(line({ tsc, number: 1 }))}`;
    expect(validateEvents(config, text({ startTsc: 500 }, 700))).toEqual({ kind: 'explained', exits: 1 });
    expect(validateEvents(config, text({ startTsc: 500 }, 400))).toMatchObject({ kind: 'unreadable', line: 2 });
    const digest = 'ab'.repeat(32);
    expect(validateEvents(config, text({ policy: digest }, 700), digest)).toMatchObject({ kind: 'explained' });
    expect(validateEvents(config, text({ policy: digest }, 700), 'cd'.repeat(32))).toMatchObject({
      kind: 'unreadable',
      line: 1,
    });
  });
});
