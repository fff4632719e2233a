import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildFadt, buildRsdp, buildXsdt } from '../../../src/policy/derive/acpi-tables.ts';
import { bootFiles } from '../../../src/policy/derive/boot-files.ts';
import { buildZeroPage } from '../../../src/policy/derive/zero-page.ts';
import type { PolicyDocument, Subject } from '../../../src/policy/document.ts';
import { hasShared, parsed, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';
import { SYSTEMS } from '../shared-trees.ts';

/** Where two files differ first, in words; undefined when they are equal. */
function difference(ours: Uint8Array, theirs: Uint8Array): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} bytes, theirs ${theirs.length}`;
  const at = ours.findIndex((byte, index) => byte !== theirs[index]);
  return at < 0 ? undefined : `offset ${at}: ${ours[at]}, theirs ${theirs[at]}`;
}

const TOOLS = 'muen/2024-11/tools';

function subjectOf(document: PolicyDocument, name: string): Subject {
  const subject = document.subjects.find(candidate => candidate.name === name);
  if (subject === undefined) throw new Error(`no subject ${name}`);
  return subject;
}

describe.skipIf(!hasShared)(`files for booting Linux, byte by byte (${hasShared ? '' : SKIP_REASON})`, () => {
  test.each(SYSTEMS)('%s: zero pages and ACPI tables', system => {
    const { document } = parsed(sharedBytes(`golden/systems/${system}/policy_b.xml`));
    const { files, findings } = bootFiles(document);
    expect(findings).toEqual([]);
    expect(files.length).toBeGreaterThanOrEqual(5);
    // The real build compiled the DSDT after these outputs were taken; acpi-dsdt.test.ts compares it with iasl's.
    for (const { filename, bytes } of files.filter(file => !file.filename.endsWith('.aml'))) {
      const path = `golden/systems/${system}/generated/${filename}.gz`;
      expect([filename, existsSync(sharedPath(path))]).toEqual([filename, true]);
      expect([filename, difference(bytes, sharedBytes(path))]).toEqual([filename, undefined]);
    }
  });

  test("the zero page of the tool's own test data", () => {
    const { document } = parsed(sharedBytes(`${TOOLS}/mugenzp/data/test_policy.xml`));
    const reference = readFileSync(sharedPath(`${TOOLS}/mugenzp/data/lnx.zp.ref`));
    expect(difference(buildZeroPage(document, subjectOf(document, 'lnx')), reference)).toBeUndefined();
  });

  test("the ACPI tables of the tool's own test data", () => {
    const { document } = parsed(sharedBytes(`${TOOLS}/mugenacpi/data/test_policy.xml`));
    const linux = subjectOf(document, 'linux');
    for (const [name, build] of [
      ['rsdp', buildRsdp],
      ['xsdt', buildXsdt],
      ['fadt', buildFadt],
    ] as const) {
      const reference = readFileSync(sharedPath(`${TOOLS}/mugenacpi/data/linux_${name}.ref`));
      expect([name, difference(build(document, linux), reference)]).toEqual([name, undefined]);
    }
  });
});
