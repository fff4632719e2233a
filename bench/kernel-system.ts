import { readFileSync } from 'node:fs';
import { operationDecoder } from '../src/arbitraries/decode-operation.ts';
import { vocabularies } from '../src/arbitraries/vocabulary.ts';
import { defaultSeams } from '../src/impl/seams.ts';
import { cyclesPerInstruction } from '../src/impl/time-model.ts';
import type { PolicyDocument } from '../src/policy/document.ts';
import { parsePolicy } from '../src/policy/parse.ts';
import { TestBench } from '../src/refinement/test-bench.ts';
import type { RunSpec } from '../src/trace/trace.ts';
import { defined, invariant } from '../src/units/invariant.ts';
import { createRng } from '../src/units/rng.ts';

/**
 * The demo system under its fixed event mix.
 *
 * Every subject runs a program of 2000 operations in which, of 100: 55 are vmcalls (declared ones that do not stop the
 * system), 10 vmcalls without an event, 8 traps, 4 timed events, 9 memory accesses, 9 switches of the interrupt flag, 5 others. The policy is
 * the real 15-subject demo system if it lies beside the checkout, else the `log-proxy` scenario.
 */
const SHARED = new URL('../../shared/golden/systems/demo_system_vtd--qemu-kvm/policy_b.xml', import.meta.url);
const OWN = new URL('../scenarios/log-proxy/policy.xml', import.meta.url);
const MIX = {
  read: 5,
  write: 4,
  probe: 0,
  vmcall: 55,
  undeclared: 10,
  userVmcall: 0,
  trap: 8,
  xsetbv: 0,
  unknownExit: 0,
  timedEvent: 4,
  hlt: 0,
  rdtsc: 0,
  load: 4,
  sti: 7,
  cli: 2,
  nop: 1,
  stop: 0,
  fpu: 0,
  msr: 0,
  port: 0,
  controlRegister: 0,
};
const OPERATIONS = 2000;
const MAJOR_FRAMES = 40;

/** Bytes of the demo system's policy, or of this repository's own scenario. */
export function benchPolicy(): Uint8Array {
  try {
    return readFileSync(SHARED);
  } catch {
    return readFileSync(OWN);
  }
}

export interface KernelSystem {
  readonly document: PolicyDocument;
  readonly bench: TestBench;
  readonly spec: RunSpec;
}

/** Builds the system and its run, the same on every machine. */
export function kernelSystem(): KernelSystem {
  const parsed = parsePolicy(benchPolicy());
  invariant(parsed.ok, 'bench policy parses');
  const { document } = parsed.value;
  const created = TestBench.create(document, defaultSeams);
  invariant(created.ok, 'bench system compiles');
  const bench = created.value;
  const { time, kernel } = bench.system;
  const endTsc = time.startTsc + kernel.tables.majorFrames[0]!.periodCycles * MAJOR_FRAMES;
  const rng = createRng(1);
  const programs = vocabularies(document).map(vocabulary => {
    const decoder = operationDecoder(vocabulary, MIX, time.startTsc, endTsc);
    return {
      subject: vocabulary.subject,
      operations: Array.from({ length: OPERATIONS }, () => decoder.decode(rng.next())).flat(),
    };
  });
  const spec: RunSpec = {
    cyclesPerInstruction: cyclesPerInstruction(time, 16),
    endTsc,
    maxKernelSteps: 1_000_000,
    programs: programs.map(program => ({ ...program, subject: defined(program.subject, 'subject') })),
    interrupts: [],
    interleavings: [],
  };
  return { document, bench, spec };
}
