import { readFileLimited } from '../host/files.ts';
import { flowGraph } from '../model/flow-policy.ts';
import { type Claims, MAX_CLAIMS_BYTES, readClaims } from '../policy/claims.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { inferIntent } from '../policy/intent.ts';
import { applyClaims } from '../policy/intent-claims.ts';
import { INTENT_FINDINGS } from '../policy/intent-rules.ts';
import { labelFindings } from '../policy/label-rules.ts';
import { unknownNames } from '../refinement/claims.ts';
import { printable } from '../units/printable.ts';
import { err, ok, type Result } from '../units/result.ts';

/** A claims file that was read. */
export interface ClaimsInput {
  readonly spec: { readonly path: string; readonly text: string };
  readonly claims: Claims;
}

/** Reads a claims file; the error is a usage error that names each problem with line and column. */
export function readClaimsFile(path: string): Result<ClaimsInput, string> {
  const bytes = readFileLimited(path, MAX_CLAIMS_BYTES);
  if (!bytes.ok) return bytes;
  const text = new TextDecoder().decode(bytes.value);
  const claims = readClaims(path, text);
  if (claims.ok) return ok({ spec: { path, text }, claims: claims.value });
  const problems = claims.error.map(({ line, column, message }) => `${path}:${line}:${column} ${printable(message)}`);
  return err(`the claims file cannot be used:\n  ${problems.join('\n  ')}`);
}

/** What is wrong with claims about a policy: names that it does not have, labels that share time, allowances that concern nothing. */
export function claimFindings(claims: Claims, document: PolicyDocument): readonly Finding[] {
  const unused = applyClaims(document, inferIntent(document), claims).unused;
  const unknown = unknownNames(claims, document, flowGraph(document), Object.keys(INTENT_FINDINGS));
  const isUnknown = (line: number, column: number): boolean =>
    unknown.some(finding => finding.line === line && finding.column === column);
  const labels = new Map(claims.labels.map(({ subject, label }) => [subject.name, label.name]));
  return [
    ...unknown,
    ...labelFindings(document, labels),
    ...unused
      .filter(({ target }) => !isUnknown(target.at.line, target.at.column))
      .map(
        ({ what, target }): Finding => ({
          code: 'CLAIM-UNUSED',
          severity: 'warning',
          message: `the ${what} '${printable(target.name)}' needs no allowance: nothing is reported about it`,
          line: target.at.line,
          column: target.at.column,
          hint: 'remove it, so that it does not hide a later finding',
          file: claims.path,
        }),
      ),
  ];
}
