import { describe, expect, test } from 'vitest';
import { agreementDocument, agreementRows, readAgreement } from './agreement.ts';
import { hasShared, SKIP_REASON } from './shared-files.ts';

describe.skipIf(!hasShared)(`agreement with the real toolchain (${hasShared ? '' : SKIP_REASON})`, () => {
  const rows = hasShared ? agreementRows() : [];

  test('every element of every step and system is that of the real tools', () => {
    expect(rows).toHaveLength(28);
    for (const { system, step, equal, differing } of rows) {
      expect([system, step, differing, equal > 700]).toEqual([system, step, 0, true]);
    }
  });

  test('the document says what is measured (else: npm run docs)', () => {
    expect(readAgreement()).toBe(agreementDocument(rows));
  });
});
