import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { findScenario } from '../../../scenarios/index.ts';
import { systemDigest } from '../../../src/impl/create-system.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import type { System } from '../../../src/impl/system.ts';
import { Vmcs } from '../../../src/impl/vmx/vmcs.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { kernelModel } from '../../../src/refinement/kernel-model.ts';
import { Lockstep } from '../../../src/refinement/lockstep.ts';
import { TestBench } from '../../../src/refinement/test-bench.ts';
import type { RunSpec, SubjectProgram } from '../../../src/trace/trace.ts';
import { hpa } from '../../../src/units/address.ts';

const scenario = findScenario('machine-code');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario machine-code');
const { policyPath, software } = scenario.value;
const parsed = parsePolicy(readFileSync(policyPath));
if (!parsed.ok) throw new Error(policyPath);
const { document } = parsed.value;
const model = kernelModel(document);

const specOf = (programs: readonly SubjectProgram[], maxKernelSteps: number): RunSpec => ({
  cyclesPerInstruction: 32,
  endTsc: 100_000_000,
  maxKernelSteps,
  programs,
  interrupts: [],
  interleavings: [],
});

const physicalOf = (name: string): number => document.memory.find(region => region.name === name)!.physicalAddress;

describe('subjects that run machine code', () => {
  let bench: TestBench;

  beforeAll(() => {
    const created = TestBench.create(document, defaultSeams);
    if (!created.ok) throw new Error(created.error[0]!.message);
    bench = created.value;
  });

  /** Runs beside the model; exits by subject and reason. */
  function checked(programs: readonly SubjectProgram[], maxKernelSteps: number): Map<string, number> {
    const loaded = bench.load(specOf(programs, maxKernelSteps));
    if (!loaded.ok) throw new Error(loaded.error);
    const { system } = bench;
    const lockstep = new Lockstep(system, model);
    lockstep.begin();
    const exits = new Map<string, number>();
    const names = system.kernel.tables.subjects.map(subject => subject.name);
    system.observer = {
      onExit: (cpu, subject, reason) => {
        const key = `${names[subject]} ${reason & 0xffff}`;
        exits.set(key, (exits.get(key) ?? 0) + 1);
        lockstep.onExit(cpu, subject, reason);
      },
      onSegment: (cpu, access) => lockstep.onSegment(cpu, access),
      onEntry: (cpu, subject) => lockstep.onEntry(cpu, subject),
      onOperation: (cpu, subject, hosted, exit) => lockstep.onOperation(cpu, subject, hosted, exit),
    };
    while (lockstep.divergence === undefined && system.step());
    expect(lockstep.divergence).toBeUndefined();
    expect(system.kernel.platform.stopReason).toBe('');
    expect(lockstep.steps).toBe(system.kernelSteps);
    return exits;
  }

  const word = (system: System, address: number): number => system.memory.readWordAt(hpa(address));

  it('run the guests of the scenario in lockstep with the model', () => {
    const exits = checked(software, 6000);
    for (const reason of [10, 16, 18, 28, 30, 31, 52]) expect(exits.get(`program ${reason}`)).toBeGreaterThan(0);
    for (const reason of [1, 10, 18, 30, 48, 52]) expect(exits.get(`guest ${reason}`)).toBeGreaterThan(0);
    const ticks = physicalOf('guest|ram') + 0x4000;
    expect(word(bench.system, ticks)).toBeGreaterThan(2);
    // Interrupts of its own timer and of the program arrive through the guest's IDT.
    expect(word(bench.system, ticks + 8)).toBeGreaterThan(2);
    // Code that the guest writes anew each round returned the number of the round.
    expect(word(bench.system, ticks) - word(bench.system, ticks + 16)).toBeLessThanOrEqual(1);
    expect(word(bench.system, physicalOf('program|scratch') + 0x108)).toBeGreaterThan(100);
  });

  it('give the same digests again, also from a snapshot in the middle', () => {
    const spec = specOf(software, 40);
    const first = bench.digests(spec, 60);
    expect(bench.digests(spec, 60)).toEqual(first);
    const loaded = bench.load(specOf(software.slice(3), 4000));
    if (!loaded.ok) throw new Error(loaded.error);
    const { system } = bench;
    for (let count = 0; count < 300; count++) system.step();
    const memory = system.memory.snapshot();
    const state = system.snapshot();
    const digests = (): string[] =>
      Array.from({ length: 200 }, () => {
        system.step();
        return systemDigest(system);
      });
    const once = digests();
    system.restore(state);
    system.memory.restore(memory);
    expect(digests()).toEqual(once);
  });

  it('leave guest mode by an exception at an address without memory, and at the end of a frame', () => {
    const warden = software.filter(({ subject }) => subject === 'warden');
    const run = (hex: string): Map<string, number> =>
      checked([{ subject: 'program', machineCode: [{ address: 0x20_0000, hex }] }, ...warden], 40);
    // mov al, [0x500000]; jmp $: the monitor does not skip a fault, which has no instruction length.
    expect(run('8a042500005000ebfe').get('program 0')).toBeGreaterThan(10);
    // jmp $
    expect(run('ebfe').get('program 52')).toBeGreaterThan(5);
  });

  it('exit with the length of the instruction whose access has no memory', () => {
    const lengths = new Set<number>();
    // nop; mov eax, [0xff00000]; mov dword [0xff00000], 1
    const program = {
      subject: 'guest',
      machineCode: [{ address: 0x40_0000, hex: '90a10000f00fc7050000f00f01000000ebfe' }],
    };
    const loaded = bench.load(specOf([program, software[4]!], 40));
    if (!loaded.ok) throw new Error(loaded.error);
    loaded.value.observer = {
      onExit: (cpu, _subject, reason) => {
        if (reason === 48) lengths.add(cpu.vmread(Vmcs.exitInstructionLength));
      },
    };
    while (loaded.value.step());
    expect([...lengths]).toEqual([5, 10]);
  });

  it('say where code does not fit', () => {
    const loaded = bench.load(
      specOf([{ subject: 'program', machineCode: [{ address: 0x20_0ffe, hex: '909090' }] }], 1),
    );
    expect(loaded).toEqual({ ok: false, error: "machine code at 0x201000: 'program' has no memory there" });
    const odd = bench.load(
      specOf([{ subject: 'program', software: 'machine-code', parameters: { hex: '9', address: 0 } }], 1),
    );
    expect(odd.ok).toBe(false);
  });
});
