import { type TraceOrigin, toTrace } from '../engine/counterexample.ts';
import { type CheckContext, DEFAULT_SEARCH_RUNS, type Failure, type Property } from '../engine/property.ts';
import { createProgress, silentProgress } from '../host/terminal.ts';
import { toJson } from '../trace/json.ts';
import { countEvents, countOperations, type TraceBody } from '../trace/trace.ts';
import { printable } from '../units/printable.ts';
import type { Catalogue } from './catalogue.ts';
import type { Environment } from './command.ts';
import { contextSpec } from './commands/check.ts';
import { createContext } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Plan } from './fault-plans.ts';
import type { Arguments } from './options.ts';
import { type ShortestRow, shortestLine, shortestMarkdown, shortestText } from './shortest-text.ts';

/** Executions of one search unless told otherwise. */
const SEARCH_RUNS = 100_000;

/** For bodies that are run again at once. */
const NO_ORIGIN: TraceOrigin = { tool: '', policyPath: '', policySha256: '', policyGzipBase64: '', seed: 0 };

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
      minimised === 0
        ? { body: undefined, isComplete: true, runs: 0 }
        : finite.shorter(context, found.body, maxRuns * (finite.runsPerSystemRun ?? 1));
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
    const row = rowOf(fault.id, context, { ...context, seams: catalogue.seams }, properties, maxRuns);
    rows.push(row);
    progress.end();
    // Line by line: whoever ends a run of many minutes has what is known so far.
    if (!args.flags.has('quiet'))
      environment.stderr(`${printable(`${index + 1}/${plans.length}  ${shortestLine(row)}`)}\n`);
  }
  progress.end();
  if (args.flags.has('json')) environment.stdout(`${toJson({ shortest: rows })}\n`);
  else environment.stdout(args.flags.has('markdown') ? shortestMarkdown(rows, maxRuns) : shortestText(rows));
  if (environment.interrupt.requested()) return EXIT.interrupted;
  return rows.every(({ outside, optimum, given }) => outside !== '' || optimum === given) ? EXIT.holds : EXIT.open;
}
