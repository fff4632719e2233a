import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findScenario } from '../../../scenarios/index.ts';
import { hasBinary, regionContents } from '../../../src/impl/loader/region-contents.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { TestBench } from '../../../src/refinement/test-bench.ts';
import { hpa } from '../../../src/units/address.ts';
import { goldenDocument, goldenMissing } from '../golden.ts';
import { elfBytes } from './elf-guest.ts';

const component = elfBytes('component');

const scenario = findScenario('machine-code');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario machine-code');
const policyText = readFileSync(scenario.value.policyPath, 'utf8');

/** The scenario's policy with files for the program and the guest. */
function documentWith(program: string, guest = '<fill pattern="16#90#"/>'): PolicyDocument {
  const place = (text: string, region: string, content: string): string =>
    text.replace(
      new RegExp(`(<memory [^>]*name="${region}"[^>]*>\\s*)<fill pattern="16#90#"/>`),
      (_, head: string) => head + content,
    );
  const text = place(place(policyText, 'program\\|text', program), 'guest\\|binary', guest);
  const parsed = parsePolicy(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.error[0]!.message);
  return parsed.value.document;
}

const FILE = '<file filename="image" offset="none"/>';
const file = (bytes: Uint8Array, name = 'image') => [{ name, bytes }];
const codes = (document: PolicyDocument, bytes: Uint8Array, name?: string): readonly string[] =>
  regionContents(document, file(bytes, name)).findings.map(({ code, message }) => `${code} ${message}`);

/** A minimal ELF64 with one segment. */
function smallElf(address: number, code: readonly number[], physical = address): Uint8Array {
  const bytes = new Uint8Array(120 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(address), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  view.setBigUint64(72, 120n, true);
  view.setBigUint64(80, BigInt(address), true);
  view.setBigUint64(88, BigInt(physical), true);
  view.setBigUint64(96, BigInt(code.length), true);
  view.setBigUint64(104, BigInt(code.length + 8), true);
  bytes.set(code, 120);
  return bytes;
}

describe('contents of memory regions', () => {
  test('raw bytes stand at the region, from the offset that the policy names', () => {
    const plain = regionContents(documentWith(FILE), file(Uint8Array.of(1, 2, 3)));
    expect(plain).toMatchObject({ contents: [{ region: 'program|text', file: 'image' }], findings: [] });
    expect([...plain.contents[0]!.bytes]).toEqual([1, 2, 3]);
    const offset = documentWith('<file filename="image" offset="16#1000#"/>');
    const bytes = new Uint8Array(0x1004).fill(7, 0x1000);
    expect([...regionContents(offset, file(bytes)).contents[0]!.bytes]).toEqual([7, 7, 7, 7]);
    expect(codes(offset, Uint8Array.of(1))).toEqual([expect.stringMatching(/^LOAD-OFFSET .*0x1000 of image/)]);
  });

  test('an ELF file is loaded by its segments, a VM by physical addresses', () => {
    const native = regionContents(documentWith(FILE), file(smallElf(0x20_0010, [0xeb, 0xfe])));
    expect(native.findings.map(({ code }) => code)).toEqual(['LOAD-ENTRY']);
    expect(native.contents[0]!.bytes).toHaveLength(0x10 + 10);
    expect([...native.contents[0]!.bytes.subarray(0x10, 0x13)]).toEqual([0xeb, 0xfe, 0]);
    const vm = regionContents(documentWith(FILE, FILE.replace('image', 'kernel')), [
      { name: 'kernel', bytes: smallElf(0x7fff_0000_0000, [0xeb, 0xfe], 0x40_0000) },
    ]);
    expect(vm.contents.map(({ region }) => region)).toEqual(['guest|binary']);
  });

  test.each([
    ['outside', smallElf(0x30_0000, [0x90]), /^LOAD-ELF offset 0x40: a segment at 0x0030_0000 .* lies outside of/],
    ['across the end', smallElf(0x20_0ffc, [0x90]), /^LOAD-ELF offset 0x40: .* lies outside/],
    ['cut', component.subarray(0, 70), /^LOAD-ELF offset 0x20: table of program headers/],
    [
      'with 32 bits',
      Uint8Array.from([...component.subarray(0, 4), 1, ...component.subarray(5)]),
      /^LOAD-ELF offset 0x4/,
    ],
  ])('a program %s is refused with its place', (_, bytes, message) => {
    const document = documentWith(FILE);
    expect(codes(document, bytes)).toEqual([expect.stringMatching(message)]);
    expect(regionContents(document, file(bytes)).contents).toEqual([]);
  });

  test('a file that nothing is made of is named', () => {
    expect(codes(documentWith(FILE), Uint8Array.of(1), 'other')).toEqual([expect.stringMatching(/^LOAD-UNUSED/)]);
  });

  test('a component that is given as ELF runs at its entry point', () => {
    const document = documentWith(FILE);
    // mov dword [0x300000], 0x12345678; jmp $
    const code = [0xc7, 0x04, 0x25, 0, 0, 0x30, 0, 0x78, 0x56, 0x34, 0x12, 0xeb, 0xfe];
    const { contents } = regionContents(document, file(smallElf(0x20_0000, code)));
    const bench = TestBench.create(document, defaultSeams, contents);
    if (!bench.ok) throw new Error(bench.error[0]!.message);
    const run = bench.value.run(
      {
        cyclesPerInstruction: 32,
        endTsc: 100_000_000,
        maxKernelSteps: 4,
        programs: [{ subject: 'program', software: 'machine-code', parameters: {} }],
        interrupts: [],
        interleavings: [],
      },
      {},
      () => false,
    );
    if (!run.ok) throw new Error(run.error);
    const scratch = document.memory.find(({ name }) => name === 'program|scratch')!.physicalAddress;
    expect(run.value.memory.readWordAt(hpa(scratch))).toBe(0x1234_5678);
  });
});

describe.skipIf(goldenMissing !== '')(`components of the demo system ${goldenMissing}`, () => {
  const document = goldenMissing === '' ? goldenDocument('systems/demo_system_vtd--qemu-kvm') : documentWith(FILE);

  test('an ELF file stands for the files that the toolchain splits it into', () => {
    const { contents, findings, bytesOf } = regionContents(document, file(component, 'time'));
    expect(findings).toEqual([]);
    expect(contents.map(({ region, bytes }) => [region, bytes.length])).toEqual([
      ['time|text', 0x36],
      ['time|rodata', 0x20],
      ['time|data', 0x10],
    ]);
    expect(bytesOf.get('time_text')).toBe(0x36);
    const runs = document.subjects.filter(subject => hasBinary(document, subject, contents)).map(({ name }) => name);
    expect(runs).toEqual(['time']);
  });

  test('sections that lie elsewhere than the policy maps them are refused, as mucheckelf does', () => {
    expect(codes(document, component, 'sm')).toEqual([
      expect.stringMatching(/^LOAD-SECTION offset .*\.rodata is linked at 0x0020_2000, 'nic_sm' maps 'rodata' at/),
      expect.stringMatching(/^LOAD-SECTION .*'storage_sm'/),
      expect.stringMatching(/^LOAD-SECTION .*\.data is linked at/),
      expect.stringMatching(/^LOAD-SECTION .*\.data is linked at/),
    ]);
  });

  test('a subject whose loader has its binary runs it', () => {
    const { contents } = regionContents(document, file(Uint8Array.of(0xeb, 0xfe), 'bzImage'));
    const runs = document.subjects.filter(subject => hasBinary(document, subject, contents)).map(({ name }) => name);
    expect(runs).toEqual(['nic_linux', 'storage_linux']);
  });
});
