import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findScenario } from '../../scenarios/index.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import { type ExitCell, exitCells } from '../../src/fuzz/exit-cells.ts';
import { FuzzTarget, type Reach, SHORT_REACH } from '../../src/fuzz/fuzz-target.ts';
import { freshInput, sweepInputs } from '../../src/fuzz/mutate.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { EXIT_REASONS } from '../../src/impl/vmx/exit-reasons.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { createRng, deriveSeed } from '../../src/units/rng.ts';

/*
 * Exit coverage table of several systems: every exit reason of every subject, what the kernel does with it, how often machine code reached
 * it, or why it did not. Run by hand: npx tsx test/fuzz/exit-campaign.ts [programs per system after the sweep] [file for the table] [part of a system's name]
 */

const SEED = 1;
const [wanted = '2000', output = '', only = ''] = process.argv.slice(2);
const SCENARIOS = ['machine-code', 'device-domains', 'linux-vm', 'two-subjects'];
const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
const REAL = ['hand/h04_vm_monitor_group', 'hand/h06_devices', 'systems/demo_system_vtd--qemu-kvm'];
/** Long enough that every subject of a large plan gets its turn. */
const LONG_REACH: Reach = { instructionsPerFrame: 60, majorFrames: 4, maxKernelSteps: 600, mayStop: true };

interface Source {
  readonly name: string;
  readonly path: string;
  readonly software: CheckContext['software'];
  readonly reach: Reach;
}

function sources(): readonly Source[] {
  const own = SCENARIOS.map((id): Source => {
    const scenario = findScenario(id);
    if (!scenario.ok || scenario.value === undefined) throw new Error(id);
    return { name: id, path: scenario.value.policyPath, software: scenario.value.software, reach: SHORT_REACH };
  });
  const real = REAL.flatMap((name): readonly Source[] => {
    const { pathname: path } = new URL(`${name}/policy_b.xml`, GOLDEN);
    return existsSync(path) ? [{ name: name.replace(/^.*\//, ''), path, software: [], reach: LONG_REACH }] : [];
  });
  return [...own, ...real];
}

interface SystemTable {
  readonly name: string;
  readonly executions: number;
  readonly exits: number;
  readonly findings: number;
  readonly cells: readonly ExitCell[];
}

function run({ name, path, software, reach }: Source): SystemTable {
  const bytes = readFileSync(path);
  const parsed = parsePolicy(bytes);
  if (!parsed.ok) throw new Error(path);
  const { document } = parsed.value;
  const created = FuzzTarget.create(
    {
      document,
      policyText: bytes.toString(),
      policyPath: path,
      policySha256: '',
      seams: defaultSeams,
      seed: SEED,
      budget: { name: 'smoke' },
      software,
    },
    reach,
  );
  if (!created.ok) throw new Error(created.error);
  const target = created.value;
  const campaign = new Campaign({ target: 'guest', strategy: 'structured', seed: SEED }, target.attackers);
  for (const input of sweepInputs(target.attackers)) campaign.merge(input, target.execute(input));
  for (let program = 0; program < Number(wanted); program++) {
    const rng = createRng(deriveSeed(SEED, `exit ${program}`));
    const input = freshInput(rng, target.attackers, 'guest', 'structured');
    campaign.merge(input, target.execute(input));
  }
  const cells = exitCells(document, (subject, reason) => campaign.exitsOf(reason, subject));
  return {
    name,
    executions: campaign.executions,
    exits: campaign.kernelSteps,
    findings: campaign.findings.size,
    cells,
  };
}

const isPossible = ({ impossible, reached }: ExitCell): boolean => impossible === '' || reached > 0;

/** Subjects with how often they reached the exit, and the others with why not. */
function rowOf(reason: number, cells: readonly ExitCell[]): string {
  const own = cells.filter(cell => cell.reason === reason);
  const done = own.filter(({ reached }) => reached > 0).map(({ subject, reached }) => `${subject} ${reached}`);
  const why = new Map<string, string[]>();
  for (const { subject, impossible } of own.filter(({ reached }) => reached === 0)) {
    const text = impossible === '' ? '**not reached by this campaign**' : impossible;
    why.set(text, [...(why.get(text) ?? []), subject]);
  }
  const notDone = [...why].map(([text, subjects]) =>
    subjects.length === own.length ? text : `${subjects.join(', ')}: ${text}`,
  );
  const actions = [...new Set(own.map(({ action }) => action))].join(', ');
  const { name } = EXIT_REASONS[reason]!;
  const possible = own.filter(isPossible).length;
  const count = possible === 0 ? '' : `${done.length}/${possible}`;
  return `| ${reason} | ${name} | ${actions} | ${count} | ${done.join(', ')} | ${notDone.join('; ')} |`;
}

const tables: string[] = [];
const summary: string[] = [];
for (const source of sources().filter(({ name }) => name.includes(only))) {
  const table = run(source);
  const possible = table.cells.filter(isPossible);
  const reached = possible.filter(cell => cell.reached > 0).length;
  const subjects = new Set(table.cells.map(({ subject }) => subject)).size;
  summary.push(
    `| ${table.name} | ${subjects} | ${reached} of ${possible.length} | ${table.cells.length - possible.length} | ${table.executions} | ${table.exits} | ${table.findings} |`,
  );
  console.log(summary.at(-1));
  for (const { subject, reason } of possible.filter(cell => cell.reached === 0))
    console.log(`    not reached: ${subject}, ${reason} ${EXIT_REASONS[reason]!.name}`);
  for (const { subject, reason, impossible, reached: count } of possible.filter(cell => cell.impossible !== ''))
    console.log(
      `    called impossible, reached ${count} times: ${subject}, ${EXIT_REASONS[reason]!.name}: ${impossible}`,
    );
  tables.push(
    `## ${table.name}\n\n| exit | name | action | subjects | reached by | not reached because |\n|---|---|---|---|---|---|\n${EXIT_REASONS.map(({ reason }) => rowOf(reason, table.cells)).join('\n')}\n`,
  );
}
if (output !== '') {
  const text = `# Exit coverage

Written by \`npx tsx test/fuzz/exit-campaign.ts ${wanted} ${output}\`, seed ${SEED}. A cell is an exit reason of the manual in a subject. The denominator are the cells
that the subject's controls, its masks and this machine allow; every other cell has its reason. Exits are those of machine code: each instruction and kind of block by itself, then
structured programs. The actions are compared with the trap tables of the real toolchain by test/fuzz/exit-table.test.ts.

| system | subjects | cells reached | impossible cells | programs | VM exits, each compared with the model | findings |
|---|---|---|---|---|---|---|
${summary.join('\n')}

${tables.join('\n')}`;
  writeFileSync(output, text);
}
