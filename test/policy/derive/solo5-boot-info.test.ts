import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bootFiles } from '../../../src/policy/derive/boot-files.ts';
import { replace, replaceAll } from '../policy-editing.ts';
import { bytesOf, hasShared, parsed, SKIP_REASON, sharedPath } from '../shared-files.ts';

const toolPolicy = (): string => readFileSync(sharedPath('muen/2024-11/tools/mugensolo5/data/test_policy.xml'), 'utf8');

const made = (text: string) => bootFiles(parsed(bytesOf(text)).document);

/** SHA-256 of the files that the real tool's own test compares with (Muen, tools/mugensolo5/data). */
const REFERENCE_DIGESTS = [
  '5c198c0542bcd52f624ecf9f0d16a374d37021f376ea124a6c07fcb94889540c',
  'e5240aa1217ef9bfa5bddbbbbd4395618a0ae80be852352a0fd4c88bb20a8401',
];

/** Fields and command line of a boot information file, by the layout of Solo5's `hvt_boot_info`. */
function decoded(bytes: Uint8Array | undefined) {
  if (bytes === undefined) throw new Error('no file');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [memorySize, kernelEnd, tscHz, commandLine, manifest] = [0, 8, 16, 24, 32].map(at =>
    view.getBigUint64(at, true),
  );
  return { memorySize, kernelEnd, tscHz, commandLine, manifest, text: new TextDecoder().decode(bytes.subarray(40)) };
}

describe.skipIf(!hasShared)(`boot information of unikernels (${hasShared ? '' : SKIP_REASON})`, () => {
  test("the tool's own test policy", () => {
    const { files, findings } = made(toolPolicy());
    expect(findings).toEqual([]);
    expect(files.map(({ filename }) => filename)).toEqual(['unikernel1_bi', 'unikernel2_bi']);
    expect(files.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'))).toEqual(REFERENCE_DIGESTS);
    expect(decoded(files[0]?.bytes)).toEqual({
      memorySize: 0x2020_0000n,
      kernelEnd: 0x3f_ffffn,
      tscHz: 0n,
      commandLine: 40n,
      manifest: 0n,
      text: 'verbose\0',
    });
  });

  test('without RAM or binary it is not made, and the reason is said', () => {
    const noRam = made(replace('logical="ram"', 'logical="memory"')(toolPolicy()));
    expect(noRam.files.map(({ filename }) => filename)).toEqual(['unikernel2_bi']);
    expect(noRam.findings.map(({ message }) => message)).toEqual([
      "File 'unikernel1_bi' of region 'unikernel1|boot_info' is not made: the subject has no memory with the logical name 'ram'.",
    ]);
    const noBinary = made(replaceAll('type="subject_binary"', 'type="subject"')(toolPolicy()));
    expect(noBinary.files).toEqual([]);
    expect(noBinary.findings).toHaveLength(2);
  });
});
