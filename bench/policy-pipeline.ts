import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { derivedFiles } from '../src/cli/derived-files.ts';
import { confinedFiles } from '../src/host/policy-files.ts';
import { createSystem } from '../src/impl/create-system.ts';
import { defaultSeams } from '../src/impl/seams.ts';
import { checkPolicy } from '../src/policy/check.ts';
import { readPolicy } from '../src/policy/parse.ts';
import { readSource } from '../src/policy/source/read-source.ts';
import { bringTo } from '../src/policy/toolchain.ts';
import { type PolicyTree, parseTree, toXmlDocument } from '../src/policy/tree.ts';
import { invariant } from '../src/units/invariant.ts';
import { type Benchmark, measurement, medianOf, perSecond } from './benchmark.ts';
import { benchPolicy } from './kernel-system.ts';

const shared = (path: string): string => fileURLToPath(new URL(`../../shared/${path}`, import.meta.url));
const SYSTEM = 'demo_system_vtd--qemu-kvm';
const CONFIG = shared(`golden/systems/${SYSTEM}/input/system_config.xml`);
const INCLUDES = [shared('muen/2024-11/policy'), shared(`golden/systems/${SYSTEM}/cspecs`)];
const TIMINGS = shared('golden/timings_idle.json');
const PROGRAM = fileURLToPath(new URL('../src/cli/muencheck.js', import.meta.url));

/** Milliseconds of the real merge, which the timings file does not have (idle machine, `golden/README.md`). */
const REAL_MERGE_MS = 260;

/** The source of the demo system, put together; without the reference data a scenario of this repository. */
function source(): PolicyTree {
  if (!existsSync(CONFIG)) {
    const tree = parseTree(benchPolicy(), 'policy.xml');
    invariant(tree.ok, 'bench policy parses');
    return tree.value;
  }
  const read = readSource(
    { policy: CONFIG, includeDirectories: INCLUDES },
    confinedFiles([...INCLUDES, dirname(CONFIG)]),
  );
  invariant(read.ok, 'bench source reads');
  return read.value.tree;
}

/** From the files of the source to a validated format B with bitmaps, subject information, page and kernel tables. */
function pipeline(): number {
  const built = bringTo(source(), 'b');
  invariant(built.ok, 'bench policy expands and allocates');
  const parsed = readPolicy(toXmlDocument(built.value.tree));
  invariant(parsed.ok, 'bench policy is format B');
  const { document } = parsed.value;
  const errors = checkPolicy(document).findings.filter(({ severity }) => severity === 'error');
  invariant(errors.length === 0, 'bench policy is valid');
  invariant(derivedFiles(document).files.length > 0, 'bench policy has derived files');
  invariant(createSystem(document, defaultSeams).ok, 'bench system is built');
  return 1;
}

/** Pipelines per second of the real tools, one after the other, on an idle machine; undefined without their timings. */
function realTools(): number | undefined {
  if (!existsSync(TIMINGS)) return undefined;
  const systems = JSON.parse(readFileSync(TIMINGS, 'utf8')) as [string, Record<string, [number, ...unknown[]]>][];
  const [, tools] = systems.find(([name]) => name === SYSTEM) ?? [];
  if (tools === undefined) return undefined;
  return 1000 / Object.values(tools).reduce((sum, [milliseconds]) => sum + milliseconds, REAL_MERGE_MS);
}

/** Pipelines per second, each in a process of its own that also writes its files; wall-clock time. */
function coldProcess(): number | undefined {
  if (!existsSync(CONFIG)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'muencheck-bench-'));
  const output = ['--out', join(folder, 'b.xml'), '--derived', join(folder, 'derived')];
  const includes = INCLUDES.flatMap(path => ['--include', path]);
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now();
    const { status } = spawnSync(process.execPath, [PROGRAM, 'policy', CONFIG, ...includes, ...output]);
    invariant(status === 0, 'the command accepts the policy');
    return performance.now() - start;
  });
  rmSync(folder, { recursive: true, force: true });
  return 1000 / times.sort((a, b) => a - b)[1]!;
}

/** One unit: the demo system's source files to a validated policy in format B with everything that follows from it. */
export const policyPipeline: Benchmark = {
  id: 'policy-pipeline',
  title: 'Policies from source to validated format B with all derived tables, in process, on one core',
  unit: 'policies/s',
  run() {
    const peers = Object.entries({ 'cold process': coldProcess(), 'real tools (idle machine)': realTools() });
    const known = peers.filter((entry): entry is [string, number] => entry[1] !== undefined);
    return measurement(
      medianOf(9, () => perSecond(pipeline)),
      Object.fromEntries(known),
    );
  },
};
