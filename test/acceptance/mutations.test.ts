import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FINDING_CODES } from '../../src/cli/finding-codes.ts';
import { examinePolicy } from '../../src/cli/policy-input.ts';
import { check } from '../../src/index.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { goldenMissing } from '../impl/golden.ts';

const MUTATIONS = fileURLToPath(new URL('../../../shared/golden/mutations/', import.meta.url));

interface Mutation {
  readonly nr: number;
  readonly mutation: string;
  readonly verdict: 'rejected' | 'accepted';
  readonly check: string;
}

/** Changes that pass: why nobody can do more than before. */
const HARMLESS: Readonly<Record<number, string>> = {
  23: 'less is shared than before: the channel has readers only, and a warning says so',
  25: 'a subject may execute a channel that it alone writes: nobody reaches more memory; warnings say that it is writable and executable',
  29: 'less is mapped than before: the subject lacks its subject information, and a warning says so',
  75: 'keyboard and mouse of one PS/2 controller: its driver reads there which of the two happened, as in the real systems of 2016; a warning says so',
  97: 'less is allowed than before: without a domain the DMA of the device is blocked',
  169: 'less is shared than before: the channel has readers only, and a warning says so',
};

/** Properties that decide without execution. */
const STATIC = ['isolation/subject-page-tables', 'isolation/sharing-is-explained'];

interface Outcome {
  readonly ours: 'rejected' | 'refuted' | 'accepted';
  readonly reason: string;
  readonly lines: readonly number[];
}

const meaningOf = (code: string): string =>
  RULES.find(rule => rule.code === code)?.title ?? FINDING_CODES[code] ?? 'a code without explanation';

async function outcomeOf({ nr }: Mutation): Promise<Outcome> {
  const bytes = new Uint8Array(gunzipSync(readFileSync(`${MUTATIONS}${String(nr).padStart(3, '0')}.xml.gz`)));
  const errors = examinePolicy('policy.xml', bytes, []).findings.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first !== undefined)
    return {
      ours: 'rejected',
      reason: `${first.code}: ${meaningOf(first.code)}`,
      lines: errors.map(({ line }) => line),
    };
  const report = await check(bytes, { properties: STATIC });
  expect(report.errors).toEqual([]);
  const refuted = report.properties.filter(({ verdict }) => verdict === 'refuted');
  // What says who shares too much is the reason; tables that cannot be built any more follow from it.
  const worst = refuted.find(({ id }) => id === 'isolation/sharing-is-explained') ?? refuted[0];
  if (worst === undefined) return { ours: 'accepted', reason: HARMLESS[nr] ?? 'PASSES SILENTLY', lines: [] };
  const { policyLines } = worst.counterexample!.outcome;
  return { ours: 'refuted', reason: `${worst.id}: ${worst.reason}`, lines: policyLines };
}

const row = (cells: readonly (string | number)[]): string =>
  `| ${cells.map(cell => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;

/** The table as text; `npx vitest run test/acceptance/mutations.test.ts -u` writes it anew. */
function table(all: readonly Mutation[], outcomes: readonly Outcome[]): string {
  return [
    '# Corrupted policies: the real validator and muencheck',
    '',
    'Single-point corruptions of valid policies. `rejected`: a rule finds an error (exit code 3); `refuted`: a property finds a counterexample (exit code 1).',
    'Written by `test/acceptance/mutations.test.ts`.',
    '',
    row(['nr', 'corruption', 'real validator', 'muencheck', 'reason']),
    row(['---', '---', '---', '---', '---']),
    ...all.map(({ nr, mutation, verdict, check: by }, index) =>
      row([nr, mutation, by === '' ? verdict : `${verdict} (${by})`, outcomes[index]!.ours, outcomes[index]!.reason]),
    ),
    '',
  ].join('\n');
}

describe.skipIf(goldenMissing !== '')(`corrupted policies ${goldenMissing}`, () => {
  it('are rejected, refuted, or shown to be harmless; the table says which', { timeout: 120_000 }, async () => {
    const all = JSON.parse(readFileSync(`${MUTATIONS}index.json`, 'utf8')) as readonly Mutation[];
    const outcomes: Outcome[] = [];
    for (const mutation of all) outcomes.push(await outcomeOf(mutation));
    const silent = all.filter((_, index) => outcomes[index]!.ours === 'accepted').map(({ nr }) => nr);
    expect(silent).toEqual(Object.keys(HARMLESS).map(Number));
    all.forEach(({ nr, verdict }, index) => {
      const { ours, lines } = outcomes[index]!;
      if (verdict === 'rejected') expect([nr, ours]).toEqual([nr, 'rejected']);
      if (ours !== 'accepted') expect([nr, lines.some(line => line > 0)]).toEqual([nr, true]);
    });
    await expect(table(all, outcomes)).toMatchFileSnapshot('mutations.md');
  });
});
