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
import type { SubjectProgram } from '../../src/trace/trace.ts';
import { createRng, deriveSeed } from '../../src/units/rng.ts';
import { handoverRelays } from './handover-relays.ts';

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
/** Inputs of a subject that are about interrupts, and the events that others send it in every other four of them. */
const INTERRUPT_INPUTS = 192;
const EVENTS = 24;
/** How long such a program waits, in the shortest minor frames, from and to. */
const WAITS = [
  [0.5, 1],
  [1, 2],
  [3, 10],
] as const;

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
  for (let word = 0; word < 65_536; word++) if (isWanted(target.blockOf(subject, word))) return word;
  return undefined;
}

/** MOV ECX; LOOP to itself, for some of the shortest minor frames. */
const isWait =
  ({ instructionsPerFrame }: Reach, minFrames: number, maxFrames: number) =>
  (block: readonly number[]): boolean => {
    const [mov, low, high] = block;
    const frames = (low! + 256 * high!) / instructionsPerFrame;
    const isLoop = block.length === 7 && mov === 0xb9 && block[3] === 0 && block[4] === 0 && block[5] === 0xe2;
    return isLoop && frames > minFrames && frames < maxFrames;
  };
const isSti = (block: readonly number[]): boolean => block.length === 1 && block[0] === 0xfb;

/** Words of surroundings that stand for one event of another subject to `subject`. */
function eventWords(target: FuzzTarget, subject: string): readonly number[] {
  const { subjects } = target.bench.system.kernel.tables;
  const { id } = subjects.find(({ name }) => name === subject)!;
  const isEvent = (program: SubjectProgram): boolean => {
    const { vmcalls } = subjects.find(({ name }) => name === program.subject)!;
    const [only, ...more] = 'operations' in program ? program.operations : [];
    if (only?.kind !== 'vmcall' || only.cpl !== 0 || more.length > 0) return false;
    return vmcalls[only.low]?.targetSubject === id;
  };
  return Array.from({ length: 1024 * subjects.length }, (_, word) => word).filter(word => {
    const around = { ...ALONE, others: [word] };
    const spec = target.specOf({ kind: 'exits', subject, exits: [], around });
    return spec?.programs.some(program => program.subject !== subject && isEvent(program));
  });
}

/** Inputs of a subject that waits with interrupts off, then switches them on, while interrupts and events arrive. */
function interruptInputs(target: FuzzTarget, subject: string, reach: Reach): readonly FuzzInput[] {
  const sti = wordFor(target, subject, isSti);
  const programs = WAITS.flatMap(([min, max]) => {
    const wait = wordFor(target, subject, isWait(reach, min, max));
    return wait === undefined || sti === undefined ? [] : [[wait, sti]];
  });
  const rng = createRng(deriveSeed(SEED, `interrupts ${subject}`));
  const draw = (count: number): readonly number[] => Array.from({ length: count }, () => rng.next());
  const events = eventWords(target, subject);
  const drawEvents = (): readonly number[] =>
    events.length === 0 ? [] : Array.from({ length: EVENTS }, () => events[rng.below(events.length)]!);
  return Array.from({ length: INTERRUPT_INPUTS }, (_, index): FuzzInput => {
    const around = { ...ALONE, interrupts: draw(1 + rng.below(40)), others: index % 8 < 4 ? [] : drawEvents() };
    const waits = programs[rng.below(WAITS.length)] ?? [];
    // What is in front of them may set a timed event.
    const words = [[], waits, waits, [...draw(2), ...waits]][index % 4]!;
    return { kind: 'guest', subject, words, around };
  });
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
  const { attackers } = idle;
  const shared = software.length > 0 ? idle : create(trappingSoftware(document, idle));
  const entryOf = (subject: string): number => attackers.find(row => row.subject === subject)!.code!.entry;
  /** Where subjects hand over to each other, a system by attacker, in which the others of its scheduling group hand over to it. */
  const targets = new Map(
    attackers.map(({ subject }) => {
      const relays = software.length > 0 ? [] : handoverRelays(document, subject, entryOf);
      return [subject, relays.length === 0 ? shared : create(relays)] as const;
    }),
  );
  const campaign = new Campaign({ target: 'guest', strategy: 'structured', seed: SEED }, attackers);
  const execute = (input: FuzzInput): void => void campaign.merge(input, targets.get(input.subject)!.execute(input));
  for (const input of sweepInputs(attackers)) execute(input);
  for (const { subject } of attackers) for (const input of interruptInputs(shared, subject, reach)) execute(input);
  for (let program = 0; program < Number(wanted); program++)
    execute(freshInput(createRng(deriveSeed(SEED, `exit ${program}`)), attackers, 'guest', 'structured'));
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
that the subject's controls, its masks and this machine allow; every other cell has its reason. Exits are those of machine code: each instruction and kind of block by itself, programs
that switch interrupts on after a while in which some arrive, then structured programs. Where subjects hand over to each other, the others of the group of the subject
under test hand over to it. The actions are compared with the trap tables of the real toolchain by test/fuzz/exit-table.test.ts.

| system | subjects | cells reached | impossible cells | programs | VM exits, each compared with the model | findings |
|---|---|---|---|---|---|---|
${summary.join('\n')}

${tables.join('\n')}`;
  writeFileSync(output, text);
}
