import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { findScenario } from '../../scenarios/index.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import type { Strategy } from '../../src/fuzz/fuzz-input.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { bootMutated } from './boot-campaign.ts';
import { EntryTarget } from './entry-campaign.ts';
import { TARGET_OF, targetOf } from './executions-to-kill.ts';
import { KernelTarget } from './kernel-campaign.ts';
import { recordedCases, runImage } from './vmcs-campaign.ts';
import { WalkTarget } from './walk-campaign.ts';

/** What one part of the campaign came to. */
export interface PartResult {
  readonly executions: number;
  /** What went wrong, each kind once. */
  readonly findings: readonly string[];
  readonly text: string;
}

/** A way in which the campaign makes inputs. */
export interface CoveragePart {
  readonly name: string;
  /** What is generated. */
  readonly meaning: string;
  /** What an execution is. */
  readonly unit: string;
  /** Executions of the usual campaign. */
  readonly usual: number;
  readonly run: (seed: number, executions: number) => PartResult;
}

/** Systems whose subjects run programs and have exits, with the kernel model beside them. */
const SYSTEMS = ['machine-code', 'device-domains', 'log-proxy'] as const;
const SCENARIOS = [...SYSTEMS, 'two-subjects', 'log-channel', 'genode-log', 'genode-distributed', 'linux-vm'] as const;
const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
/** CPUID leaf of the features that XSAVE handles, and those up to AVX-512. */
const XSAVE_LEAF = 0xd;
const WIDE_FEATURES = 0xe7;
/** Of how many executions one is made twice, which must give the same. */
const REPEATED = 16;

function textOf(id: string): string {
  const scenario = findScenario(id);
  if (!scenario.ok || scenario.value === undefined) throw new Error(id);
  return readFileSync(scenario.value.policyPath, 'utf8');
}

/** Policies by name: those of the scenarios, and real ones where they are. */
function policies(): ReadonlyMap<string, string> {
  const found = new Map<string, string>(SCENARIOS.map(id => [id, textOf(id)]));
  if (!existsSync(GOLDEN)) return found;
  for (const folder of ['hand', 'systems'])
    for (const name of readdirSync(new URL(`${folder}/`, GOLDEN)).sort()) {
      const path = new URL(`${folder}/${name}/policy_b.xml`, GOLDEN);
      if (existsSync(path)) found.set(name, readFileSync(path, 'utf8'));
    }
  return found;
}

/** Counts of named things, the most frequent first. */
const tally = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

const countUp = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

/** Programs or exits of subjects, in each system as often. */
const campaignPart = (strategy: Strategy): CoveragePart['run'] =>
  function run(seed, executions) {
    let [made, exits] = [0, 0];
    const findings = new Set<string>();
    for (const system of SYSTEMS) {
      const target = targetOf(system);
      const campaign = new Campaign({ target: TARGET_OF[strategy], strategy, seed }, target.attackers);
      while (campaign.executions < executions / SYSTEMS.length)
        for (const input of campaign.nextRound()) campaign.merge(input, target.execute(input));
      made += campaign.executions;
      exits += campaign.kernelSteps;
      for (const { what } of campaign.findings.values()) findings.add(`${system}: ${what}`);
    }
    return { executions: made, findings: [...findings], text: `${exits} VM exits` };
  };

function runImages(seed: number, executions: number): PartResult {
  const seeds = recordedCases();
  const findings = new Set<string>();
  let [cases, reported] = [0, 0];
  for (let image = 0; cases < executions; image++) {
    const result = runImage(seed, image, seeds, image % REPEATED === 0);
    if (result.failure !== '') findings.add(result.failure);
    cases += result.cases;
    reported += result.reported;
  }
  return { executions: cases, findings: [...findings], text: `${reported} reported by the hypervisor` };
}

function runEntries(seed: number, executions: number): PartResult {
  const target = new EntryTarget(seed, recordedCases());
  const findings = new Set<string>();
  let [entries, failed] = [0, 0];
  for (let execution = 0; execution < executions; execution++) {
    const { reasons, digest } = target.execute(execution);
    entries += reasons.length;
    failed += reasons.filter(reason => reason >= 2 ** 31).length;
    if (execution % REPEATED === 0 && target.execute(execution).digest !== digest)
      findings.add(`entry ${execution} has two courses`);
  }
  return { executions, findings: [...findings], text: `${entries} entries, of which ${failed} failed` };
}

function runWalks(seed: number, executions: number): PartResult {
  const target = new WalkTarget();
  const findings = new Set<string>();
  for (let execution = 0; execution < executions; execution++) {
    const failure = target.execute(seed, execution);
    if (failure !== '') findings.add(failure);
  }
  return { executions, findings: [...findings], text: 'each with 24 accesses' };
}

function runBoots(seed: number, executions: number): PartResult {
  const texts = [...policies().values()];
  const outcomes = new Map<string, number>();
  for (let boot = 0; boot < executions; boot++) countUp(outcomes, bootMutated(seed, boot, texts));
  return { executions, findings: [], text: tally(outcomes) };
}

/** A policy for a processor with AVX-512. */
const withWideRegisters = (document: PolicyDocument): PolicyDocument => ({
  ...document,
  hardware: {
    ...document.hardware,
    processor: {
      ...document.hardware.processor,
      cpuid: document.hardware.processor.cpuid.map(row =>
        row.leaf === XSAVE_LEAF && row.subleaf === 0 ? { ...row, eax: WIDE_FEATURES } : row,
      ),
    },
  },
});

function runKernels(seed: number, executions: number): PartResult {
  const systems = [...policies()];
  /** By system; undefined if it cannot be built. */
  const targets = new Map<string, KernelTarget | undefined>();
  const targetOfSystem = (name: string, text: string): KernelTarget | undefined => {
    if (!targets.has(name)) {
      const parsed = parsePolicy(new TextEncoder().encode(text));
      const isWide = targets.size % 2 === 1;
      const document =
        parsed.ok && isWide ? withWideRegisters(parsed.value.document) : parsed.ok && parsed.value.document;
      targets.set(name, document === false ? undefined : KernelTarget.create(document));
    }
    return targets.get(name);
  };
  const findings = new Set<string>();
  const outcomes = new Map<string, number>();
  let [made, exits] = [0, 0];
  for (let execution = 0; made < executions; execution++) {
    const [name, text] = systems[execution % systems.length]!;
    const target = targetOfSystem(name, text);
    if (target === undefined) continue;
    made += 1;
    const result = target.execute(seed, name, execution);
    exits += result.exits;
    countUp(outcomes, result.power);
    if (result.failure !== '') findings.add(`${name}: ${result.failure}`);
    if (made % REPEATED !== 0) continue;
    const { digest } = target;
    target.execute(seed, name, execution);
    if (target.digest !== digest) findings.add(`${name}: handlers have two courses`);
  }
  return {
    executions: made,
    findings: [...findings],
    text: `${exits} VM exits in ${[...targets.values()].filter(Boolean).length} systems; ${tally(outcomes)}`,
  };
}

export const PARTS: readonly CoveragePart[] = [
  {
    name: 'programs',
    meaning: 'machine code of one subject, guided by coverage, with the kernel model beside it',
    unit: 'programs',
    usual: 1536,
    run: campaignPart('coverage-guided'),
  },
  {
    name: 'exits',
    meaning: 'recorded and mutated exits of one subject, with the kernel model beside them',
    unit: 'rows of exits',
    usual: 1536,
    run: campaignPart('recorded'),
  },
  {
    name: 'hypervisors',
    meaning: 'a hypervisor of machine code that enters guests with recorded and mutated VMCSs',
    unit: 'cases',
    usual: 1024,
    run: runImages,
  },
  {
    name: 'entries',
    meaning: 'mutated VMCSs, guests, root instructions and events from outside on processors with other features',
    unit: 'cases',
    usual: 20_000,
    run: runEntries,
  },
  {
    name: 'kernels',
    meaning:
      'hostile state and exits of all CPUs at once, in any order of accesses to shared state, with hardware that breaks',
    unit: 'rows of exits',
    usual: 4000,
    run: runKernels,
  },
  {
    name: 'walks',
    meaning: 'tables and bitmaps in memory, with two or three readers that must agree',
    unit: 'memories',
    usual: 1000,
    run: runWalks,
  },
  {
    name: 'boots',
    meaning: 'mutated policies, processors, remapping units and crash records: boot, exits, warm start',
    unit: 'boots',
    usual: 2500,
    run: runBoots,
  },
];
