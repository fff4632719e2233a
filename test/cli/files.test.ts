import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findScenario } from '../../scenarios/index.ts';
import { createContext } from '../../src/cli/context.ts';
import { catalogue } from '../../src/cli/default-catalogue.ts';
import { readFiles } from '../../src/cli/files-input.ts';
import { prepareTrace } from '../../src/cli/replay-trace.ts';
import { toTraceOrigin } from '../../src/cli/trace-origin.ts';
import { toTrace } from '../../src/engine/counterexample.ts';
import { sha256Hex } from '../../src/host/files.ts';
import { writeTrace } from '../../src/trace/read.ts';
import type { Trace } from '../../src/trace/trace.ts';
import { freshFolder, runCli, runHere } from './spawn.ts';

const scenario = findScenario('machine-code');
if (!scenario.ok || scenario.value === undefined) throw new Error('scenario machine-code');
const policyText = readFileSync(scenario.value.policyPath, 'utf8').replace(
  /(<memory [^>]*name="program\|text"[^>]*>\s*)<fill pattern="16#90#"\/>/,
  '$1<file filename="image" offset="none"/>',
);
// mov eax, 1; vmcall; jmp to the start: an event for the guest, which the fault sends elsewhere
const IMAGE = Uint8Array.of(0xb8, 1, 0, 0, 0, 0x0f, 1, 0xc1, 0xeb, 0xf6);

describe('component binaries', () => {
  let folder = '';
  let policyPath = '';

  beforeAll(() => {
    folder = join(freshFolder(), 'files');
    mkdirSync(folder);
    writeFileSync(join(folder, 'image'), IMAGE);
    policyPath = join(folder, '..', 'policy.xml');
    writeFileSync(policyPath, policyText);
  });

  test('run executes them, and says what is wrong with them', async () => {
    const { code, stdout, stderr } = await runCli(['run', policyPath, '--files', folder, '--frames', '2', '--json'], {
      real: true,
    });
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as { subjects: readonly { subject: string; exits: number }[] };
    expect(report.subjects.find(({ subject }) => subject === 'program')!.exits).toBeGreaterThan(5);
    const bad = join(folder, '..', 'bad');
    mkdirSync(bad);
    writeFileSync(join(bad, 'image'), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 1));
    const refused = await runHere(['run', policyPath, '--files', bad]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/image.*LOAD-ELF.*offset 0x0/)]);
  });

  /** A counterexample that needs the file, made under a fault. */
  async function counterexample(): Promise<Trace> {
    const read = readFiles(folder);
    if (!read.ok) throw new Error(read.error);
    const bytes = new TextEncoder().encode(policyText);
    const spec = {
      policyBytes: bytes,
      policyPath,
      policySha256: sha256Hex(bytes),
      fault: { id: 'event-to-wrong-subject' },
      seed: 1,
      budget: { name: 'smoke' as const },
      software: [],
      files: read.value.spec,
    };
    const property = catalogue.properties.find(({ id }) => id === 'vmx/machine-code-refinement')!;
    const run = {
      cyclesPerInstruction: 32,
      endTsc: 10_000_000,
      maxKernelSteps: 20,
      programs: [{ subject: 'program', software: 'machine-code', parameters: {} }],
      interrupts: [],
      interleavings: [],
    };
    const empty = { summary: '', explanation: [], policyLines: [], timeline: [], digests: [] };
    const failure = { body: { kind: 'run' as const, run }, outcome: empty };
    const trace = toTrace(property.id, failure, toTraceOrigin(spec, 'test'));
    const outcome = property.replay(await createContext(spec, catalogue), trace);
    if (outcome === undefined) throw new Error('the fault is not seen');
    return { ...trace, outcome };
  }

  test('a counterexample carries them, or wants them again', async () => {
    const trace = await counterexample();
    expect(trace.files).toEqual([{ name: 'image', sha256: sha256Hex(IMAGE), gzipBase64: expect.any(String) }]);
    const replay = (changed: Partial<Trace>, given: Uint8Array | undefined): string => {
      const files = given === undefined ? [] : [{ name: 'image', bytes: given }];
      const prepared = prepareTrace(writeTrace({ ...trace, ...changed }), catalogue, [], files);
      return prepared.ok ? prepared.value.run().status : prepared.error.join();
    };
    const named = [{ name: 'image', sha256: sha256Hex(IMAGE) }];
    expect(replay({}, undefined)).toBe('reproduced');
    expect(replay({ files: named }, IMAGE)).toBe('reproduced');
    expect(replay({ files: named }, undefined)).toMatch(/files\[0\]: the trace does not carry image.*--files/);
    expect(replay({ files: named }, Uint8Array.of(1))).toMatch(/files\[0\]\.sha256: image has the digest/);
    expect(replay({ files: [] }, undefined)).not.toBe('reproduced');
  });
});
