import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { validateEvents } from '../../src/explore/validate-events.ts';
import { kernelConfig } from '../../src/model/kernel-config.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const parsed = parsePolicy(readFileSync(new URL('../../scenarios/two-subjects/policy.xml', import.meta.url)));
if (!parsed.ok) throw new Error('the policy does not parse');
const config = kernelConfig(parsed.value.document);
const example = readFileSync(new URL('../../examples/two-subjects.ndjson', import.meta.url), 'utf8');
const HEADER = '{"format":"muencheck-events","version":1}';

describe('a recorded trace', () => {
  it('is explained by the model, across CPUs and barriers', () => {
    expect(validateEvents(config, example)).toEqual({ kind: 'explained', exits: 6 });
  });

  it('is refused at the first exit that no transition explains, with what the model allows', () => {
    const wrong = example.replace('"enters":"bob"', '"enters":"alice"');
    expect(validateEvents(config, wrong)).toEqual({
      kind: 'unexplained',
      line: 5,
      message: 'CPU 0 enters alice after vmcall',
      allowed: ['enters bob'],
    });
  });

  it('cannot pass a barrier alone', () => {
    const alone = `${HEADER}\n{"cpu":0,"tsc":480000,"event":"timerExpiry","enters":"bob"}\n`;
    expect(validateEvents(config, alone)).toMatchObject({ kind: 'unexplained', line: 2, allowed: [] });
  });

  it.each([
    ['nothing', '', 1],
    ['another format', '{"format":"x","version":1}', 1],
    ['no JSON', `${HEADER}\n{`, 2],
    ['an unknown event', `${HEADER}\n{"cpu":0,"tsc":1,"event":"boom"}`, 2],
    ['an unknown field', `${HEADER}\n{"cpu":0,"tsc":1,"event":"vmcall","x":1}`, 2],
    ['a negative time', `${HEADER}\n{"cpu":0,"tsc":-1,"event":"vmcall"}`, 2],
    ['deep nesting', `${HEADER}\n${'['.repeat(100_000)}`, 2],
  ])('is hostile: %s', (_name, text, line) => {
    expect(validateEvents(config, text)).toMatchObject({ kind: 'unreadable', line });
  });

  it('names a CPU that is not there', () => {
    const text = `${HEADER}\n{"cpu":7,"tsc":1,"event":"vmcall"}`;
    expect(validateEvents(config, text)).toMatchObject({ kind: 'unexplained', message: 'there is no CPU 7' });
  });
});
