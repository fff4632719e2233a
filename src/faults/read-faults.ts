import type { Finding } from '../policy/finding.ts';
import { err, ok, type Result } from '../units/result.ts';
import { FAULT_SEAMS, type Fault } from './fault.ts';

const finding = (code: string, message: string, hint: string): Finding => ({
  code,
  severity: 'error',
  message,
  line: 0,
  column: 0,
  hint,
});

type Check = readonly [field: string, holds: (value: unknown) => boolean, expected: string];

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const isIdList = (value: unknown): boolean => Array.isArray(value) && value.every(item => typeof item === 'string');

const CHECKS: readonly Check[] = [
  [
    'id',
    value => typeof value === 'string' && /^[a-z0-9][a-z0-9-]*$/.test(value),
    'lower-case letters, digits and dashes',
  ],
  ['title', isText, 'a sentence'],
  ['seam', value => FAULT_SEAMS.some(seam => seam === value), `one of ${FAULT_SEAMS.join(', ')}`],
  ['precedent', isText, 'the real bug it is modelled on'],
  ['apply', value => typeof value === 'function', 'a function (seams) => seams'],
  ['killedBy', isIdList, 'an array of property ids'],
  ['scenario', value => value === undefined || isText(value), 'the name of a scenario, or absent'],
];

function checkFault(value: unknown, place: string): readonly Finding[] {
  if (typeof value !== 'object' || value === null) {
    return [
      finding(
        'FAULT-SHAPE',
        `${place} is not an object`,
        'export default defineFault({ id, title, seam, precedent, apply, killedBy })',
      ),
    ];
  }
  const fields = value as Readonly<Record<string, unknown>>;
  return CHECKS.filter(([field, holds]) => !holds(fields[field])).map(([field, , expected]) =>
    finding(
      'FAULT-SHAPE',
      `${place}: field \`${field}\` is ${fields[field] === undefined ? 'missing' : 'not valid'}`,
      `\`${field}\` must be ${expected}`,
    ),
  );
}

/**
 * Checks the default export of a user's fault module.
 *
 * @param exported a Fault or an array of faults.
 * @returns the faults, or every problem found.
 */
export function readFaults(
  exported: unknown,
  knownIds: readonly string[],
): Result<readonly Fault[], readonly Finding[]> {
  if (exported === undefined) {
    return err([
      finding('FAULT-EXPORT', 'the module has no default export', 'write `export default defineFault({ ... })`'),
    ]);
  }
  const candidates: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (candidates.length === 0)
    return err([finding('FAULT-EXPORT', 'the module exports an empty list of faults', 'export at least one fault')]);
  const findings = candidates.flatMap((candidate, index) =>
    checkFault(candidate, candidates.length === 1 ? 'the fault' : `fault ${index}`),
  );
  if (findings.length > 0) return err(findings);
  const faults = candidates as readonly Fault[];
  const ids = [...knownIds, ...faults.map(fault => fault.id)];
  const repeated = faults.filter(fault => ids.filter(id => id === fault.id).length > 1);
  if (repeated.length > 0) {
    return err(
      repeated.map(fault =>
        finding(
          'FAULT-ID',
          `the id \`${fault.id}\` is used twice`,
          'choose an id that `muencheck list faults` does not show',
        ),
      ),
    );
  }
  return ok(faults);
}
