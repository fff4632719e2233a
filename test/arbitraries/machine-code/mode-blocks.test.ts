import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findScenario } from '../../../scenarios/index.ts';
import { BLOCK_KINDS } from '../../../src/arbitraries/machine-code/code-blocks.ts';
import { CodeWriter } from '../../../src/arbitraries/machine-code/code-writer.ts';
import { FuzzTarget } from '../../../src/fuzz/fuzz-target.ts';
import { guestRip } from '../../../src/impl/hosted-subject.ts';
import { hexOfBytes } from '../../../src/impl/machine-code/code-image.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { Vmcs, vmcsWord } from '../../../src/impl/vmx/vmcs.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { createRng } from '../../../src/units/rng.ts';

const scenario = findScenario('machine-code');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario machine-code');
const { policyPath, software } = scenario.value;
const bytes = readFileSync(policyPath);
const parsed = parsePolicy(bytes);
if (!parsed.ok) throw new Error(policyPath);
const created = FuzzTarget.create({
  document: parsed.value.document,
  policyText: bytes.toString(),
  policyPath,
  policySha256: '',
  seams: defaultSeams,
  seed: 1,
  budget: { name: 'smoke' },
  software,
});
if (!created.ok) throw new Error(created.error);
const target = created.value;

/** Last VMCALL of each program, which no block makes: its RAX. */
const MARK = 40;
const CS_LONG = 1 << 13;
const CR0 = vmcsWord('GUEST_CR0');
const CS_RIGHTS = vmcsWord('GUEST_CS_ACCESS');

interface Seen {
  readonly reason: number;
  readonly cpl: number;
  readonly is64Bit: boolean;
  readonly isProtected: boolean;
}

/** Exits of a subject that runs one block, then the mark; undefined in place of the mark if that is not reached. */
function run(subject: string, id: string, seed: number): { readonly seen: readonly Seen[]; readonly isDone: boolean } {
  const code = target.attackers.find(row => row.subject === subject)!.code!;
  const writer = new CodeWriter(code.is64Bit, code.entry);
  expect(BLOCK_KINDS.find(row => row.id === id)!.emit(writer, code, createRng(seed))).toBe(true);
  const end = writer.here;
  writer.set(0, MARK).emit(0x0f, 0x01, 0xc1, 0xeb, 0xfe);
  const hex = hexOfBytes(Uint8Array.from(writer.bytes));
  const spec = target.specOf({ kind: 'bytes', subject, hex })!;
  const loaded = target.bench.load(spec);
  if (!loaded.ok) throw new Error(loaded.error);
  const system = loaded.value;
  const who = system.kernel.tables.subjects.find(({ name }) => name === subject)!.id;
  const seen: Seen[] = [];
  let isDone = false;
  system.observer = {
    onExit(cpu, exiting, reason) {
      if (exiting !== who || [1, 52].includes(reason)) return;
      if (guestRip(cpu) >= end) isDone ||= reason === 18 && cpu.registers[2] === MARK;
      else
        seen.push({
          reason,
          cpl: cpu.vmread(Vmcs.csSelector) & 3,
          is64Bit: (cpu.vmread(CS_RIGHTS) & CS_LONG) !== 0,
          isProtected: (cpu.vmread(CR0) & 1) === 1,
        });
    },
  };
  system.run();
  system.observer = {};
  return { seen, isDone };
}

const SEEDS = Array.from({ length: 12 }, (_, index) => index);

describe('blocks in other modes of the processor', () => {
  it.each([
    ['program', 'user-mode', (row: Seen) => row.cpl === 3 && row.is64Bit],
    ['guest', 'user-mode', (row: Seen) => row.cpl === 3 && !row.is64Bit],
    ['program', 'compatibility-mode', (row: Seen) => row.cpl === 0 && !row.is64Bit],
    ['guest', 'long-mode', (row: Seen) => row.cpl === 0 && row.is64Bit],
    ['guest', 'real-mode', (row: Seen) => !row.isProtected],
    ['guest', 'task-switch', (row: Seen) => row.reason === 9],
  ] as const)('of %s: %s is reached, and left again', (subject, id, isThere) => {
    const runs = SEEDS.map(seed => run(subject, id, seed));
    expect(runs.filter(({ seen }) => seen.some(isThere)).length).toBeGreaterThan(4);
    expect(runs.filter(({ seen, isDone }) => isDone && seen.some(isThere)).length).toBeGreaterThan(1);
  });

  it('calls from ring 3 are made with every kind of number', () => {
    const fromUser = SEEDS.flatMap(seed => run('program', 'user-mode', seed).seen);
    expect(fromUser.filter(({ reason, cpl }) => reason === 18 && cpl === 3).length).toBeGreaterThan(3);
  });
});
