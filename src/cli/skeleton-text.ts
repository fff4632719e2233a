import type { ClaimsSkeleton, FlowClaim } from '../refinement/claims-skeleton.ts';

const quote = (text: string): string => JSON.stringify(text);

/** A quoted string of JavaScript that is safe in a source file whatever the text is. */
const literal = (text: string): string => `'${quote(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

const claimText = ({ from, to, via }: FlowClaim): string => {
  const through = via.length === 0 ? '' : `, "via": [${via.map(quote).join(', ')}]`;
  return `    { "from": ${quote(from)}, "to": ${quote(to)}${through} }`;
};

const listText = (name: string, claims: readonly FlowClaim[]): string =>
  claims.length === 0 ? `  "${name}": []` : `  "${name}": [\n${claims.map(claimText).join(',\n')}\n  ]`;

/** A claims file, one claim a line. */
export const claimsFile = ({ noFlow, onlyVia }: ClaimsSkeleton): string =>
  `{\n${listText('noFlow', noFlow)},\n${listText('onlyVia', onlyVia)}\n}\n`;

/** What the vitest file is about. */
export interface PropertySkeleton {
  /** Path of the policy, relative to the file. */
  readonly policy: string;
  /** A subject and the CPU that the policy gives it. */
  readonly subject: string;
  readonly cpu: number;
}

/** A vitest file that checks the policy with its claims, and a property of the user's own to change. */
export function propertyFile({ policy, subject, cpu }: PropertySkeleton): string {
  return `import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { check, ownProperty } from 'muencheck';

const policy = readFileSync(new URL(${literal(policy)}, import.meta.url));
const claims = readFileSync(new URL('claims.json', import.meta.url), 'utf8');

/** An example to change: what must hold whenever a subject is entered, and the witness that it was looked at. */
const onItsCpu = ownProperty({
  id: 'scheduling/on-its-cpu',
  claim: 'The subject is entered on the CPU that the policy gives it and on no other one.',
  witness: { id: 'entered', description: 'the subject is entered' },
  judge: () => entry => {
    if (entry.subject !== ${literal(subject)}) return {};
    return entry.cpu === ${cpu} ? { seen: true } : { wrong: \`it runs on CPU \${entry.cpu}\` };
  },
});

test('the policy keeps the claims', async () => {
  const { findings, properties } = await check(policy, { claims, properties: ['isolation/claims'] });
  expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(properties).toMatchObject([{ verdict: 'proved' }]);
});

test('my property holds', async () => {
  const { properties } = await check(policy, { own: [onItsCpu], properties: [onItsCpu.id] });
  expect(properties).toMatchObject([{ verdict: 'tested' }]);
});
`;
}
