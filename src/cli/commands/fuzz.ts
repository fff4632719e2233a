import { toTrace } from '../../engine/counterexample.ts';
import { minimise } from '../../engine/minimise.ts';
import type { CheckContext, Property } from '../../engine/property.ts';
import { Campaign, type FindingGroup, ROUND_EXECUTIONS } from '../../fuzz/campaign.ts';
import {
  type CampaignState,
  entryFileName,
  entryText,
  readEntry,
  readState,
  stateText,
} from '../../fuzz/corpus-files.ts';
import { exitCells } from '../../fuzz/exit-cells.ts';
import { exitTable } from '../../fuzz/exit-table.ts';
import { FUZZ_TARGETS, type FuzzTargetName, STRATEGIES, type Strategy } from '../../fuzz/fuzz-input.ts';
import { type Execution, FuzzTarget } from '../../fuzz/fuzz-target.ts';
import { elapsedMs, nowMs } from '../../host/clock.ts';
import {
  fileExists,
  joinPath,
  listFolder,
  readFileLimited,
  removePartialFiles,
  writeFileDurable,
} from '../../host/files.ts';
import { createPanel, silentPanel } from '../../host/terminal.ts';
import { defaultJobs, inProcessRunner, type JobRunner, workerRunner } from '../../host/workers.ts';
import { toJson } from '../../trace/json.ts';
import { writeTrace } from '../../trace/read.ts';
import { groupDigits, layoutTable } from '../../trace/text.ts';
import type { Trace, TraceBody, TraceOutcome } from '../../trace/trace.ts';
import { defined } from '../../units/invariant.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { ContextCache, type ContextSpec } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { filesOption, withFiles } from '../files-input.ts';
import { type FuzzStatus, panelLines, statusLine } from '../fuzz-panel.ts';
import { executeRound } from '../fuzz-round.ts';
import { type FuzzPayload, handle } from '../fuzz-worker.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION, type OptionSpec, RUN_OPTIONS } from '../options.ts';
import { readPolicyInput } from '../policy-input.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';
import { toTraceOrigin } from '../trace-origin.ts';
import { contextSpec } from './check.ts';

const DEFAULT_EXECUTIONS = 1024;
/** The property that judges a finding again: `replay` runs it. */
const JUDGE = 'vmx/machine-code-refinement';
/** Executions that make one finding smaller, at most. */
const MINIMISE_EXECUTIONS = 400;

/** A campaign and everything around it. */
interface Desk {
  readonly spec: ContextSpec;
  readonly context: CheckContext;
  readonly target: FuzzTarget;
  readonly campaign: Campaign;
  readonly judge: Property;
  readonly folder: string | undefined;
  readonly environment: Environment;
}

const writeState = (desk: Desk, folder: string): string => {
  const written = writeFileDurable(joinPath(folder, 'state.json'), stateText(stateOf(desk)));
  return written.ok ? '' : written.error;
};

/** Continues the campaign of a folder, or begins one in it; the text says why it cannot. */
function openFolder(desk: Desk): string {
  const { folder } = desk;
  if (folder === undefined) return '';
  for (const part of [folder, joinPath(folder, 'corpus'), joinPath(folder, 'findings')]) {
    const cleaned = removePartialFiles(part);
    if (!cleaned.ok) return cleaned.error;
  }
  // The settings are there before the first input is: what an unfinished round left can be told from that of other settings.
  return fileExists(joinPath(folder, 'state.json')) ? resume(desk, folder) : writeState(desk, folder);
}

function resume({ campaign, target, spec }: Desk, folder: string): string {
  const bytes = readFileLimited(joinPath(folder, 'state.json'));
  const state = bytes.ok ? readState(new TextDecoder().decode(bytes.value)) : bytes;
  if (!state.ok) return `${joinPath(folder, 'state.json')}: ${state.error}`;
  const { target: targetName, strategy, seed, policySha256, executions, findings } = state.value;
  const { settings } = campaign;
  if (targetName !== settings.target || strategy !== settings.strategy || seed !== settings.seed)
    return `${folder} holds a campaign with --target ${targetName} --strategy ${strategy} --seed ${seed}`;
  if (policySha256 !== spec.policySha256) return `${folder} holds a campaign on another policy`;
  campaign.resume(state.value);
  for (const name of [...listFolder(joinPath(folder, 'corpus'))].sort()) {
    if (!name.endsWith('.json')) continue;
    const file = readFileLimited(joinPath(folder, 'corpus', name));
    const entry = file.ok ? readEntry(new TextDecoder().decode(file.value)) : file;
    if (!entry.ok) return `${joinPath(folder, 'corpus', name)}: ${entry.error}`;
    // Entries of a round that did not end are found again.
    if (entry.value.execution < executions) campaign.adopt(entry.value, target.execute(entry.value.input));
  }
  for (const found of findings) {
    const input = campaign.corpus[0]?.input ?? { kind: 'bytes' as const, subject: '', hex: '' };
    campaign.findings.set(found.group, { ...found, input });
  }
  return '';
}

const stateOf = ({ campaign, spec }: Desk): CampaignState => ({
  format: 'muencheck-fuzz',
  policySha256: spec.policySha256,
  ...campaign.settings,
  executions: campaign.executions,
  kernelSteps: campaign.kernelSteps,
  exits: [...campaign.exits].flatMap(([subject, counts]) =>
    [...counts].sort((a, b) => a[0] - b[0]).map(([reason, count]) => ({ subject, reason, count })),
  ),
  findings: [...campaign.findings.values()].map(({ group, what, execution, count }) => ({
    group,
    what,
    execution,
    count,
  })),
});

/** Counterexample of a finding, minimised; undefined if the judge does not see the failure. */
function counterexample({ context, judge, target, spec, environment }: Desk, finding: FindingGroup): Trace | undefined {
  const run = target.specOf(finding.input);
  if (run === undefined) return undefined;
  const origin = toTraceOrigin(spec, environment.version);
  const wrap = (body: TraceBody, outcome: TraceOutcome): Trace => toTrace(JUDGE, { body, outcome }, origin);
  const empty: TraceOutcome = { summary: '', explanation: [], policyLines: [], timeline: [], digests: [] };
  const fails = (body: TraceBody): TraceOutcome | undefined => judge.replay(context, wrap(body, empty));
  const body: TraceBody = { kind: 'run', run };
  const outcome = fails(body);
  if (outcome === undefined) return undefined;
  const small = minimise({ body, outcome }, fails, { maxExecutions: MINIMISE_EXECUTIONS });
  return wrap(small.body, defined(fails(small.body), 'outcome of the minimised finding'));
}

async function runRound(desk: Desk, runner: JobRunner<FuzzPayload, readonly Execution[]>): Promise<string> {
  const { campaign, environment, spec, folder } = desk;
  const round = await executeRound(campaign, runner, { catalogueUrl: environment.catalogueUrl, context: spec });
  if (!round.ok) return round.error;
  const { entries, findings } = round.value;
  if (folder === undefined) return '';
  for (const entry of entries) {
    const written = writeFileDurable(joinPath(folder, 'corpus', entryFileName(entry)), entryText(entry));
    if (!written.ok) return written.error;
  }
  for (const finding of findings) {
    const trace = counterexample(desk, finding);
    if (trace === undefined) continue;
    const written = writeFileDurable(joinPath(folder, 'findings', `${finding.group}.trace.json`), writeTrace(trace));
    if (!written.ok) return written.error;
  }
  return writeState(desk, folder);
}

function statusOf(desk: Desk, total: number, startMs: number, startExecutions: number): FuzzStatus {
  const { campaign, spec, context } = desk;
  const { target, strategy, seed } = campaign.settings;
  const rows = exitTable(context.document, (subject, reason) => campaign.exitsOf(reason, subject));
  return {
    title: `fuzz ${spec.policyPath}  ${target}, ${strategy}, seed ${seed}`,
    executions: campaign.executions,
    total,
    perSecond: ((campaign.executions - startExecutions) * 1000) / Math.max(1, elapsedMs(startMs)),
    kernelSteps: campaign.kernelSteps,
    features: campaign.features,
    corpus: campaign.corpus.length,
    lastNew: campaign.corpus.at(-1)?.execution ?? -1,
    possibleExits: rows.reduce((sum, row) => sum + row.possible, 0),
    reachedExits: rows.reduce((sum, row) => sum + row.done, 0),
    findings: [...campaign.findings.values()].map(({ what }) => printable(what)),
  };
}

function textReport(desk: Desk): string {
  const { campaign, context } = desk;
  const rows = exitTable(context.document, (subject, reason) => campaign.exitsOf(reason, subject));
  const table = layoutTable(
    [
      ['exit', 'name', 'action', 'exits', 'subjects', 'not reached because'],
      ...rows.map(row => [
        String(row.reason),
        row.name,
        row.action,
        row.reached === 0 ? '' : groupDigits(row.reached),
        row.possible === 0 ? '' : `${row.done}/${row.possible}`,
        row.why,
      ]),
    ],
    { right: [0, 3, 4] },
  );
  const findings = [...campaign.findings.values()].map(
    ({ count, execution, what }) => `x  ${printable(what)} (first at execution ${execution}, ${count} times)`,
  );
  const { target, strategy, seed } = campaign.settings;
  const possible = rows.reduce((sum, row) => sum + row.possible, 0);
  const done = rows.reduce((sum, row) => sum + row.done, 0);
  return [
    `fuzz --target ${target} --strategy ${strategy} --seed ${seed}: ${groupDigits(campaign.executions)} executions, ${groupDigits(campaign.kernelSteps)} VM exits, each compared with the model`,
    ...table,
    `${done} of ${possible} exits reached that the policy lets subjects cause, ${groupDigits(campaign.features)} features, corpus of ${campaign.corpus.length} inputs`,
    findings.length === 0 ? 'no findings' : `${findings.length} findings`,
    ...findings,
    '',
  ].join('\n');
}

function jsonReport(desk: Desk, durationMs: number): string {
  const { campaign, context, spec } = desk;
  const { format, ...state } = stateOf(desk);
  return `${toJson({
    ...state,
    policy: spec.policyPath,
    features: campaign.features,
    corpus: campaign.corpus.map(({ execution, newFeatures }) => ({ execution, newFeatures })),
    exitTable: exitTable(context.document, (subject, reason) => campaign.exitsOf(reason, subject)),
    exitCells: exitCells(context.document, (subject, reason) => campaign.exitsOf(reason, subject)),
    timing: { durationMs },
  })}\n`;
}

async function openDesk(args: Arguments, environment: Environment): Promise<Result<Desk, ExitCode>> {
  const catalogue = await environment.loadCatalogue();
  const input = readPolicyInput(args.positionals[0] ?? '', catalogue, args);
  if (!input.ok) return err(usageError(environment, 'fuzz', input.error));
  const filed = withFiles(input.value, args.texts.get('files'));
  if (!filed.ok) return err(usageError(environment, 'fuzz', filed.error));
  const policy = filed.value;
  if (policy.document === undefined || !policy.valid) {
    const errors = policy.findings.filter(({ severity }) => severity === 'error');
    printFindings({ ...environment, stdout: environment.stderr }, policy.path, errors);
    return err(EXIT.invalid);
  }
  const faultId = args.texts.get('fault');
  if (faultId !== undefined && !catalogue.faults.some(({ id }) => id === faultId))
    return err(usageError(environment, 'fuzz', `there is no fault "${faultId}"`));
  const spec: ContextSpec = {
    ...contextSpec(policy, args),
    ...(faultId === undefined ? {} : { fault: { id: faultId } }),
  };
  const context = await new ContextCache().get(spec, catalogue);
  const target = FuzzTarget.create(context);
  if (!target.ok) return err(usageError(environment, 'fuzz', target.error));
  const name = (args.texts.get('target') ?? 'guest') as FuzzTargetName;
  const strategy = (args.texts.get('strategy') ?? (name === 'guest' ? 'coverage-guided' : 'recorded')) as Strategy;
  const judge = defined(
    catalogue.properties.find(({ id }) => id === JUDGE),
    JUDGE,
  );
  const campaign = new Campaign({ target: name, strategy, seed: spec.seed }, target.value.attackers);
  const desk: Desk = {
    spec,
    context,
    target: target.value,
    campaign,
    judge,
    folder: args.texts.get('out'),
    environment,
  };
  const problem = openFolder(desk);
  return problem === '' ? ok(desk) : err(usageError(environment, 'fuzz', problem));
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const opened = await openDesk(args, environment);
  if (!opened.ok) return opened.error;
  const desk = opened.value;
  const { campaign } = desk;
  const wanted = args.numbers.get('executions') ?? DEFAULT_EXECUTIONS;
  const total = Math.ceil(wanted / ROUND_EXECUTIONS) * ROUND_EXECUTIONS;
  const jobs = args.numbers.get('jobs') ?? defaultJobs();
  const runner: JobRunner<FuzzPayload, readonly Execution[]> =
    jobs === 1 ? inProcessRunner(handle) : workerRunner(new URL('../fuzz-worker.ts', import.meta.url).href, jobs);
  const facts = { isTty: environment.stderrIsTty, env: environment.env, noColor: true };
  const progress = args.flags.has('quiet') ? silentPanel : createPanel(environment.stderr, facts, environment.columns);
  environment.interrupt.whenRequested(() => runner.cancel('interrupted'));
  const startMs = nowMs();
  const startExecutions = campaign.executions;
  let stopped = '';
  while (campaign.executions < total && stopped === '') {
    stopped = await runRound(desk, runner);
    const status = statusOf(desk, total, startMs, startExecutions);
    progress.update(panelLines(status), statusLine(status));
  }
  progress.end();
  await runner.close();
  environment.stdout(args.flags.has('json') ? jsonReport(desk, elapsedMs(startMs)) : textReport(desk));
  if (stopped !== '') {
    environment.stderr(`${stopped}\n`);
    return stopped === 'interrupted' ? EXIT.interrupted : EXIT.open;
  }
  return campaign.findings.size === 0 ? EXIT.holds : EXIT.refuted;
}

const shared = (name: string): OptionSpec =>
  defined(
    RUN_OPTIONS.find(option => option.name === name),
    name,
  );

export const fuzzCommand: Command = {
  name: 'fuzz',
  summary: 'fuzz VM exits: generated machine code, or exits with mutated state, each step compared with the model',
  operands: '<scenario | policy.xml>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'target',
      kind: 'choice',
      choices: FUZZ_TARGETS,
      help: 'what is made up: programs of subjects, or their exits (default guest)',
    },
    {
      name: 'strategy',
      kind: 'choice',
      choices: STRATEGIES,
      help: 'how inputs are made (default coverage-guided; recorded for vm-exit)',
    },
    {
      name: 'executions',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 1_000_000_000,
      help: `executions in all, in rounds of ${ROUND_EXECUTIONS} (default ${DEFAULT_EXECUTIONS})`,
    },
    {
      name: 'out',
      kind: 'text',
      placeholder: 'dir',
      help: 'corpus, findings and progress; a campaign that is there goes on',
    },
    { name: 'fault', kind: 'text', placeholder: 'id', help: 'with this seeded fault in the implementation' },
    filesOption('the other subjects run them'),
    shared('seed'),
    shared('jobs'),
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: [
    'fuzz machine-code --executions 256',
    'fuzz two-subjects --target vm-exit --executions 256 --out my-corpus',
  ],
  run,
};
