import { type TraceOrigin, toTrace } from '../engine/counterexample.ts';
import { type CheckContext, DEFAULT_SEARCH_RUNS, type Failure, type Property } from '../engine/property.ts';
import { createProgress, silentProgress } from '../host/terminal.ts';
import { toJson } from '../trace/json.ts';
import { groupDigits, layoutTable } from '../trace/text.ts';
import { countEvents, countOperations, type TraceBody } from '../trace/trace.ts';
import { printable } from '../units/printable.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { contextSpec } from './commands/check.ts';
import { createContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Plan } from './fault-plans.ts';
import type { Arguments } from './options.ts';

/** Executions of one search unless told otherwise. */
const SEARCH_RUNS = 100_000;

/** For bodies that are run again at once. */
const NO_ORIGIN: TraceOrigin = { tool: '', policyPath: '', policySha256: '', policyGzipBase64: '', seed: 0 };

/** A fault's counterexample beside the shortest one. */
interface ShortestRow {
  readonly fault: string;
  readonly property: string;
  /** Registered model that the property judges by; empty if it has none that is finite. */
  readonly model: string;
  /** Operations and events that the minimiser left; null if nothing was found. */
  readonly minimised: number | null;
  /** Fewest operations and events; null if the search ended before that was known. */
  readonly optimum: number | null;
  /** What a check gives to its user: the minimised one, or what its own short search found. */
  readonly given: number | null;
  readonly runs: number;
  /** Why the fault has no finite model; empty if it has. */
  readonly outside: string;
}

const lengthOf = (body: TraceBody): number => countOperations(body) + countEvents(body);

/** First failure of a property, minimised and not searched. */
function firstFailure(context: CheckContext, property: Property): Failure | undefined {
  if (property.notApplicable(context) !== '') return undefined;
  for (const task of property.tasks(context)) {
    const { failure } = property.runTask(context, task);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** True if a failure shows on a system without the fault, too: a false alarm. */
const holdsNot = (unmutated: CheckContext, property: Property, failure: Failure): boolean =>
  property.replay(unmutated, toTrace(property.id, failure, NO_ORIGIN)) !== undefined;

function rowOf(
  fault: string,
  context: CheckContext,
  unmutated: CheckContext,
  properties: readonly Property[],
  maxRuns: number,
): ShortestRow {
  const nothing = { fault, model: '', minimised: null, optimum: null, given: null, runs: 0 };
  for (const property of properties) {
    const found = firstFailure(context, property);
    if (found === undefined) continue;
    const { finite } = property;
    const minimised = lengthOf(found.body);
    const base = { ...nothing, property: property.id, minimised, given: minimised };
    if (finite === undefined) {
      const outside = found.body.kind === 'static' ? 'enumeration: no operations' : 'no registered model';
      return { ...base, outside };
    }
    const outside = finite.outside(found.body);
    if (outside !== '') return { ...base, model: finite.model, outside };
    const { body, isComplete, runs } =
      minimised === 0 ? { body: undefined, isComplete: true, runs: 0 } : finite.shorter(context, found.body, maxRuns);
    if (body !== undefined && holdsNot(unmutated, property, { ...found, body }))
      return { ...base, model: finite.model, outside: 'the shortest one fails without the fault, too' };
    const shortest = body === undefined ? minimised : lengthOf(body);
    return {
      ...base,
      model: finite.model,
      optimum: isComplete ? shortest : null,
      given: runs <= DEFAULT_SEARCH_RUNS ? shortest : minimised,
      runs,
      outside: '',
    };
  }
  return { ...nothing, property: '', outside: 'not found' };
}

function summaryOf(rows: readonly ShortestRow[]): readonly string[] {
  const finite = rows.filter(({ outside }) => outside === '');
  const equal = finite.filter(({ optimum, given }) => optimum !== null && optimum === given);
  const open = finite.filter(({ optimum }) => optimum === null);
  const longer = finite.filter(({ optimum, given }) => optimum !== null && optimum !== given);
  const empty = finite.filter(({ minimised }) => minimised === 0);
  const reasons = new Map<string, number>();
  for (const { outside } of rows) if (outside !== '') reasons.set(outside, (reasons.get(outside) ?? 0) + 1);
  const share = Math.floor((1000 * equal.length) / Math.max(1, finite.length)) / 10;
  const names = (list: readonly ShortestRow[]): string =>
    list.length === 0 ? '' : `: ${list.map(({ fault }) => fault).join(', ')}`;
  return [
    `faults with a finite model ${finite.length}, counterexample as short as the shortest ${equal.length} (${share} %), of these ${empty.length} without operations or events`,
    `longer than the shortest ${longer.length}${names(longer)}`,
    `shortest not known ${open.length}${names(open)}`,
    ...[...reasons].map(([reason, count]) => `without a finite model ${count}: ${reason}`),
  ];
}

function rowsText(rows: readonly ShortestRow[]): string {
  const cells = rows
    .filter(({ outside }) => outside === '')
    .map(({ fault, property, model, minimised, given, optimum, runs }) => [
      optimum === null ? '?' : optimum === given ? '+' : 'x',
      fault,
      model,
      property,
      String(minimised),
      String(given),
      optimum === null ? '?' : String(optimum),
      groupDigits(runs),
    ]);
  const header = ['', 'fault', 'model', 'found by', 'minimised', 'given', 'shortest', 'executions'];
  const table = cells.length === 0 ? [] : [...layoutTable([header, ...cells], { right: [4, 5, 6, 7] }), ''];
  return `${[...table, ...summaryOf(rows)].join('\n')}\n`;
}

/** `faults --shortest`: how long counterexamples are, and how short they can be. */
export async function compareWithShortest(
  plans: readonly Plan[],
  args: Arguments,
  environment: Environment,
  catalogue: Catalogue,
): Promise<ExitCode> {
  const facts = { isTty: environment.stderrIsTty, env: environment.env, noColor: true };
  const progress = args.flags.has('quiet')
    ? silentProgress
    : createProgress(environment.stderr, facts, environment.columns);
  environment.interrupt.whenRequested(() => undefined);
  const maxRuns = args.numbers.get('search') ?? SEARCH_RUNS;
  const rows: ShortestRow[] = [];
  for (const [index, { fault, from, policy, properties }] of plans.entries()) {
    if (environment.interrupt.requested()) break;
    progress.update(printable(`${index + 1}/${plans.length}  ${fault.id}`));
    const spec = contextSpec(policy, args);
    const budget = { ...spec.budget, searchRuns: 0 };
    const mutated = { id: fault.id, ...(from === undefined ? {} : { from }) };
    const context = await createContext({ ...spec, budget, fault: mutated }, catalogue);
    rows.push(rowOf(fault.id, context, { ...context, seams: catalogue.seams }, properties, maxRuns));
  }
  progress.end();
  environment.stdout(args.flags.has('json') ? `${toJson({ shortest: rows })}\n` : rowsText(rows));
  if (environment.interrupt.requested()) return EXIT.interrupted;
  return rows.every(({ outside, optimum, given }) => outside !== '' || optimum === given) ? EXIT.holds : EXIT.open;
}
