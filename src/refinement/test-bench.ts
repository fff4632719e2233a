import { createSystem, installSoftware, systemDigest } from '../impl/create-system.ts';
import { type HostedSoftware, scriptSoftware } from '../impl/hosted.ts';
import type { RegionContent } from '../impl/loader/region-contents.ts';
import { bytesOfHex, machineCodeSoftware } from '../impl/machine-code/code-image.ts';
import type { MemorySnapshot } from '../impl/memory.ts';
import type { Seams } from '../impl/seams.ts';
import { createSoftware } from '../impl/software.ts';
import type { System } from '../impl/system.ts';
import type { SystemObserver } from '../impl/system-observer.ts';
import type { SystemSnapshot } from '../impl/system-snapshot.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import type { RunSpec } from '../trace/trace.ts';
import { err, ok, type Result } from '../units/result.ts';

/**
 * A booted system that is put back to its first state before every run, so that a run costs what it does and not what
 * building the tables costs.
 */
export class TestBench {
  readonly system: System;
  readonly seams: Seams;
  readonly #start: SystemSnapshot;
  readonly #memory: MemorySnapshot;

  private constructor(system: System, seams: Seams) {
    this.system = system;
    this.seams = seams;
    this.#start = system.snapshot();
    this.#memory = system.memory.snapshot();
  }

  /** Compiles and boots the system of a policy, with the files that it names in memory as far as they are given. */
  static create(
    document: PolicyDocument,
    seams: Seams,
    contents: readonly RegionContent[] = [],
  ): Result<TestBench, readonly Finding[]> {
    const system = createSystem(document, seams, contents);
    return system.ok ? ok(new TestBench(system.value, seams)) : system;
  }

  /** Puts the system to its first state with the programs and inputs of `spec`; the text says what is wrong with a program. */
  load(spec: RunSpec): Result<System, string> {
    const { system } = this;
    const software = new Map<number, HostedSoftware>();
    for (const program of spec.programs) {
      const subject = system.kernel.tables.subjects.find(row => row.name === program.subject);
      if (subject === undefined) return err(`the policy has no subject '${program.subject}'`);
      if ('operations' in program) software.set(subject.id, scriptSoftware(program.operations));
      else if ('machineCode' in program)
        software.set(
          subject.id,
          machineCodeSoftware(program.machineCode.map(({ address, hex }) => ({ address, bytes: bytesOfHex(hex) }))),
        );
      else {
        const created = createSoftware(program.software, program.parameters, this.seams);
        if (!created.ok) return created;
        software.set(subject.id, created.value);
      }
    }
    system.observer = {};
    system.restore(this.#start);
    system.memory.restore(this.#memory);
    const misplaced = installSoftware(system, software);
    if (misplaced !== '') return err(misplaced);
    system.begin(spec);
    return ok(system);
  }

  /** Runs `spec` to its end under an observer; true while `isDone` says so ends it early. */
  run(spec: RunSpec, observer: SystemObserver, isDone: () => boolean): Result<System, string> {
    const loaded = this.load(spec);
    if (!loaded.ok) return loaded;
    const system = loaded.value;
    system.observer = observer;
    while (!isDone() && system.step());
    system.observer = {};
    return ok(system);
  }

  /** Digest after every kernel step of a run: what a replay must reproduce. */
  digests(spec: RunSpec, limit: number): readonly string[] {
    const loaded = this.load(spec);
    if (!loaded.ok) return [];
    const system = loaded.value;
    const digests: string[] = [systemDigest(system)];
    let seen = 0;
    while (digests.length <= limit && system.step()) {
      if (system.kernelSteps === seen) continue;
      seen = system.kernelSteps;
      digests.push(systemDigest(system));
    }
    if (system.kernel.platform.power !== 'running') digests.push(systemDigest(system));
    return digests;
  }
}
