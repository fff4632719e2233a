import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findScenario } from '../../scenarios/index.ts';
import type { CheckContext } from '../../src/engine/property.ts';
import { Campaign } from '../../src/fuzz/campaign.ts';
import { type ExitCell, exitCells } from '../../src/fuzz/exit-cells.ts';
import { ALONE, type FuzzInput } from '../../src/fuzz/fuzz-input.ts';
import { FuzzTarget, type Reach, SHORT_REACH } from '../../src/fuzz/fuzz-target.ts';
import { freshInput, sweepInputs } from '../../src/fuzz/mutate.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { EXIT_REASONS } from '../../src/impl/vmx/exit-reasons.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { createRng, deriveSeed } from '../../src/units/rng.ts';

/*
 * Exit coverage table of several systems: every exit reason of every subject, what the kernel does with it, how often machine code reached
 * it, or why it did not. Run by hand: npx tsx test/fuzz/exit-campaign.ts [programs per system after the sweep] [file for the table] [part of a system's name]
 */

const SEED = 1;
const [wanted = '2000', output = '', only = ''] = process.argv.slice(2);
const SCENARIOS = ['machine-code', 'device-domains', 'linux-vm'];
const GOLDEN = new URL('../../../shared/golden/', import.meta.url);
const REAL = ['hand/h04_vm_monitor_group', 'hand/h06_devices', 'systems/demo_system_vtd--qemu-kvm'];
/** Long enough that every subject of a large plan gets its turn. */
const LONG_REACH: Reach = { instructionsPerFrame: 60, majorFrames: 4, maxKernelSteps: 400, mayStop: true };

/** CPUID; JMP to it: a subject that traps again and again, so that its monitor gets the CPU. */
const TRAPPING = '0fa2ebfc';
const CPUID = 10;
/** Interrupts of an input, spread over its time. */
const INTERRUPTS = Array.from({ length: 64 }, (_, index) => index * 0x0400_0001);

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
    const reach = id === 'linux-vm' ? LONG_REACH : SHORT_REACH;
    return { name: id, path: scenario.value.policyPath, software: scenario.value.software, reach };
  });
  const real = REAL.flatMap((name): readonly Source[] => {
    const { pathname: path } = new URL(`${name}/policy_b.xml`, GOLDEN);
    return existsSync(path) ? [{ name: name.replace(/^.*\//, ''), path, software: [], reach: LONG_REACH }] : [];
  });
  return [...own, ...real];
}

/** Where a policy comes without software, subjects whose traps are handled trap. */
const trappingSoftware = (document: PolicyDocument, { attackers }: FuzzTarget): CheckContext['software'] =>
  attackers.flatMap(({ subject, code }) => {
    const groups = document.subjects.find(({ name }) => name === subject)!.sourceGroups;
    const event = groups.find(({ name }) => name === 'vmx_exit')?.events.find(({ id }) => id === CPUID);
    const isHandled = event !== undefined && event.action?.kind.startsWith('system_') !== true;
    return code === undefined || !isHandled
      ? []
      : [{ subject, software: 'machine-code', parameters: { hex: TRAPPING, address: code.entry } }];
  });

/** A word that stands for a block of the subject that is as wanted. */
function wordFor(
  target: FuzzTarget,
  subject: string,
  isWanted: (block: readonly number[]) => boolean,
): number | undefined {
  for (let word = 0; word < 4096; word++) if (isWanted(target.blockOf(subject, word))) return word;
  return undefined;
}

/** MOV ECX, at least 256; LOOP to itself. */
const isWait = (block: readonly number[]): boolean =>
  block.length === 7 && block[0] === 0xb9 && block[2]! > 0 && block[5] === 0xe2;
const isSti = (block: readonly number[]): boolean => block.length === 1 && block[0] === 0xfb;

/** Interrupts for a subject that does nothing, and for one that waits with interrupts off, then switches them on. */
function interruptInputs(target: FuzzTarget, subject: string): readonly FuzzInput[] {
  const around = { ...ALONE, interrupts: INTERRUPTS };
  const wait = wordFor(target, subject, isWait);
  const sti = wordFor(target, subject, isSti);
  const words = wait === undefined || sti === undefined ? [] : [wait, sti];
  return [
    { kind: 'guest', subject, words: [], around },
    { kind: 'guest', subject, words, around },
    { kind: 'guest', subject, words: [...words.slice(0, 1), ...words], around },
  ];
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
  const create = (programs: CheckContext['software']): FuzzTarget => {
    const created = FuzzTarget.create(
      {
        document,
        policyText: bytes.toString(),
        policyPath: path,
        policySha256: '',
        seams: defaultSeams,
        seed: SEED,
        budget: { name: 'smoke' },
        software: programs,
      },
      reach,
    );
    if (!created.ok) throw new Error(created.error);
    return created.value;
  };
  const idle = create(software);
  const target = software.length > 0 ? idle : create(trappingSoftware(document, idle));
  const campaign = new Campaign({ target: 'guest', strategy: 'structured', seed: SEED }, target.attackers);
  const interrupted = target.attackers.flatMap(({ subject }) => interruptInputs(target, subject));
  for (const input of [...sweepInputs(target.attackers), ...interrupted]) campaign.merge(input, target.execute(input));
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
