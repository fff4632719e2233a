import { type FaultVerdict, seedStatistics, tryFault } from '../../engine/kill-matrix.ts';
import type { Property } from '../../engine/property.ts';
import type { InternalError } from '../../engine/task-queue.ts';
import { joinPath, writeFileAtomic } from '../../host/files.ts';
import { toJson } from '../../trace/json.ts';
import { writeTrace } from '../../trace/read.ts';
import { printable } from '../../units/printable.ts';
import { ok, type Result } from '../../units/result.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Command, Environment } from '../command.ts';
import { runCampaign } from '../control-command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { chooseFaults, makePlans, type Plan, unknownProperty } from '../fault-plans.ts';
import { matrixMarkdown, matrixText, plainRow } from '../matrix-text.ts';
import { internalErrors, printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION, RUN_OPTIONS } from '../options.ts';
import type { PolicyInput } from '../policy-input.ts';
import { selectedProperties, sessionOptions } from '../run-options.ts';
import { Session } from '../session.ts';
import { compareWithShortest } from '../shortest-command.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';
import { contextSpec } from './check.ts';

/** Checks the properties on the unmutated systems: one that fails there says nothing about a fault. */
async function control(
  plans: readonly Plan[],
  args: Arguments,
  session: Session,
): Promise<{
  readonly refuted: readonly string[];
  readonly errors: readonly InternalError[];
  /** Runs by property and policy. */
  readonly runs: ReadonlyMap<string, number>;
}> {
  const byPolicy = new Map<PolicyInput, Set<Property>>();
  for (const plan of plans) {
    const set = byPolicy.get(plan.policy) ?? new Set<Property>();
    for (const property of plan.properties) set.add(property);
    byPolicy.set(plan.policy, set);
  }
  const refuted: string[] = [];
  const errors: InternalError[] = [];
  const runs = new Map<string, number>();
  for (const [policy, properties] of byPolicy) {
    const result = await session.check(contextSpec(policy, args), [...properties], 'no fault: ');
    errors.push(...result.errors);
    for (const verdict of result.properties) runs.set(`${verdict.id} ${policy.path}`, verdict.runs);
    refuted.push(
      ...result.properties
        .filter(verdict => verdict.verdict === 'refuted')
        .map(verdict => `${verdict.id} on ${policy.path}: ${verdict.reason}`),
    );
  }
  return { refuted, errors, runs };
}

function saveTraces(folder: string | undefined, rows: readonly FaultVerdict[]): Result<null, string> {
  if (folder === undefined) return ok(null);
  for (const row of rows) {
    if (row.trace === undefined) continue;
    const written = writeFileAtomic(joinPath(folder, `fault-${row.id}.trace.json`), writeTrace(row.trace));
    if (!written.ok) return written;
  }
  return ok(null);
}

/** Executions that a plan takes at most: those of its properties on the unmutated system. */
const capOf = ({ policy, properties }: Plan, runs: ReadonlyMap<string, number>): number =>
  properties.reduce((sum, { id }) => sum + (runs.get(`${id} ${policy.path}`) ?? 0), 0);

interface Matrix {
  readonly rows: readonly FaultVerdict[];
  readonly controlRefuted: readonly string[];
  readonly errors: readonly InternalError[];
  readonly stopped: string;
}

/** Far beyond what a task of a property takes; a fault from outside may loop for ever. */
const FOREIGN_TASK_LIMIT_SECONDS = 300;

async function runMatrix(
  plans: readonly Plan[],
  args: Arguments,
  environment: Environment,
  catalogue: Catalogue,
): Promise<Matrix> {
  const options = sessionOptions(args);
  const session = new Session(
    environment,
    catalogue,
    args.texts.has('from') ? { ...options, taskLimitSeconds: FOREIGN_TASK_LIMIT_SECONDS } : options,
  );
  try {
    const { refuted, errors: controlErrors, runs } = await control(plans, args, session);
    const rows: FaultVerdict[] = [];
    const errors = [...controlErrors];
    for (const [index, plan] of plans.entries()) {
      const { fault, from, policy, properties } = plan;
      if (session.stopped !== '') break;
      const spec = { ...contextSpec(policy, args), fault: { id: fault.id, ...(from === undefined ? {} : { from }) } };
      const label = `fault ${index + 1}/${plans.length} ${fault.id}: `;
      const tried = await tryFault(fault, properties, property => session.check(spec, [property], label));
      errors.push(...tried.errors);
      const verdicts = [tried.verdict];
      for (let extra = 1; extra < (args.numbers.get('seeds') ?? 1) && session.stopped === ''; extra++) {
        const again = { ...spec, seed: (spec.seed + extra) >>> 0, budget: { ...spec.budget, countsOnly: true } };
        const repeated = await tryFault(fault, properties, property =>
          session.check(again, [property], `${label}seed ${again.seed}: `),
        );
        errors.push(...repeated.errors);
        verdicts.push(repeated.verdict);
      }
      rows.push(
        verdicts.length === 1
          ? tried.verdict
          : { ...tried.verdict, seeds: seedStatistics(verdicts, capOf(plan, runs)) },
      );
    }
    return { rows, controlRefuted: refuted, errors, stopped: session.stopped };
  } finally {
    await session.close();
  }
}

function exitCodeOf(matrix: Matrix, total: number, environment: Environment): ExitCode {
  if (environment.interrupt.requested()) return EXIT.interrupted;
  if (
    matrix.controlRefuted.length > 0 ||
    matrix.rows.some(row => !row.killed && row.exercised && matrix.stopped === '')
  )
    return EXIT.refuted;
  return matrix.rows.length < total || matrix.rows.some(row => !row.killed) ? EXIT.open : EXIT.holds;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const catalogue = await environment.loadCatalogue();
  const control = args.numbers.get('control');
  if (control !== undefined) return runCampaign(control, args, catalogue, environment);
  const choice = await chooseFaults(args, catalogue, environment);
  if (!choice.ok) return choice.error;
  const unknown = unknownProperty(choice.value.faults, catalogue);
  if (unknown !== '') return usageError(environment, 'faults', unknown);
  const selected = selectedProperties(args, catalogue.properties);
  if (!selected.ok) return usageError(environment, 'faults', selected.error);
  const plans = makePlans(choice.value, args, catalogue, selected.value);
  if (!plans.ok) return usageError(environment, 'faults', plans.error);
  const invalid = plans.value.find(plan => !plan.policy.valid)?.policy;
  if (invalid !== undefined) {
    printFindings(
      environment,
      invalid.path,
      invalid.findings.filter(finding => finding.severity === 'error'),
    );
    return EXIT.invalid;
  }
  if (args.flags.has('shortest')) return compareWithShortest(plans.value, args, environment, catalogue);
  const matrix = await runMatrix(plans.value, args, environment, catalogue);
  if (args.flags.has('json')) environment.stdout(`${toJson({ faults: matrix.rows.map(plainRow) })}\n`);
  else environment.stdout((args.flags.has('markdown') ? matrixMarkdown : matrixText)(matrix.rows));
  const saved = saveTraces(args.texts.get('out'), matrix.rows);
  if (!saved.ok) return usageError(environment, 'faults', saved.error);
  for (const line of matrix.controlRefuted) environment.stderr(`without any fault, refuted: ${printable(line)}\n`);
  if (matrix.stopped !== '')
    environment.stderr(`${printable(matrix.stopped)}: ${matrix.rows.length} of ${plans.value.length} faults tried\n`);
  if (matrix.errors.length > 0) return internalErrors(environment, matrix.errors, args.flags.has('verbose'));
  return exitCodeOf(matrix, plans.value.length, environment);
}

export const faultsCommand: Command = {
  name: 'faults',
  summary: 'kill matrix: which property finds each seeded fault, after how many runs',
  operands: '[scenario | policy.xml]',
  minOperands: 0,
  maxOperands: 1,
  options: [
    ...RUN_OPTIONS,
    { name: 'fault', kind: 'list', placeholder: 'id', help: 'only this fault; repeatable' },
    {
      name: 'from',
      kind: 'text',
      placeholder: 'file.ts',
      help: 'try the faults of your own module (default export: a fault or an array)',
    },
    {
      name: 'seeds',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 10_000,
      help: 'try each fault with n seeds from --seed on; adds mean, median and maximum of the executions',
    },
    {
      name: 'control',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 1_000_000_000,
      help: 'no fault: run all scenarios with seeds from --seed on until n kernel steps were made; a refutation is a false alarm',
    },
    { name: 'all', kind: 'flag', help: 'try every property on every fault, not only the ones it names' },
    {
      name: 'shortest',
      kind: 'flag',
      help: 'compare each counterexample with the shortest one, by a breadth-first search of up to --search executions (default 100000; fifty times as many of scripts)',
    },
    { name: 'out', kind: 'text', placeholder: 'dir', help: 'write the counterexamples as trace files' },
    { name: 'markdown', kind: 'flag', help: 'print the matrix as a Markdown table, the comparison as a document' },
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['faults', 'faults log-proxy --from my-fault.ts --all'],
  run,
};
