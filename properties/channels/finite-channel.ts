import type { CheckContext, FiniteModel, ShorterSearch } from '../../src/engine/property.ts';
import { operationsOf } from '../../src/engine/trace-sides.ts';
import type { ChannelLayout } from '../../src/impl/native/muchannel.ts';
import {
  countEvents,
  countOperations,
  type RunSpec,
  type SubjectProgram,
  type TraceBody,
} from '../../src/trace/trace.ts';
import type { Operation } from '../../src/units/operation.ts';
import { isWorkbench, type Workbench, workbench } from '../workbench.ts';
import { actionLists, scriptOf } from './writer-script.ts';

type Software = Extract<SubjectProgram, { readonly software: string }>;

const softwareOf = ({ programs }: RunSpec, name: string): readonly Software[] =>
  programs.filter((program): program is Software => 'software' in program && program.software === name);

/** Subject whose operations are those of a scripted writer, with the layout as its readers expect it. */
function scriptedWriter(
  run: RunSpec,
): { readonly subject: string; readonly layout: ChannelLayout; readonly seed: number } | undefined {
  const [reader] = softwareOf(run, 'channel-reader');
  const writer = run.programs.find(
    program => 'operations' in program && program.operations.some(({ kind }) => kind === 'write'),
  );
  const first =
    writer === undefined ? undefined : operationsOf(run, writer.subject).find(({ kind }) => kind === 'write');
  if (reader === undefined || writer === undefined || first?.kind !== 'write') return undefined;
  const number = (name: string): number => Number(reader.parameters[name] ?? 0);
  const layout = {
    address: first.address - 8,
    protocol: number('protocol'),
    elementBytes: number('elementBytes'),
    elements: number('elements'),
  };
  return { subject: writer.subject, layout, seed: number('seed') };
}

/**
 * Search for the shortest run of a channel whose writer is a list of operations.
 *
 * Every list of a writer's actions is tried, cut off before it is as long as the counterexample: a run that fails earlier fails then, too.
 *
 * @param fails judges a run.
 */
function shorterWriter(run: RunSpec, maxRuns: number, fails: (run: RunSpec) => boolean): ShorterSearch {
  const writer = scriptedWriter(run);
  const body: TraceBody = { kind: 'run', run };
  const length = countOperations(body) + countEvents(body);
  if (writer === undefined) return { isComplete: length === 0, runs: 0 };
  const { subject, layout, seed } = writer;
  const withWriter = (operations: readonly Operation[]): RunSpec => ({
    ...run,
    interrupts: [],
    interleavings: [],
    programs: run.programs.map(program => (program.subject === subject ? { subject, operations } : program)),
  });
  const event = operationsOf(run, subject).find(({ kind }) => kind === 'vmcall');
  const number = event?.kind === 'vmcall' ? event.low : 0;
  let runs = 0;
  for (const actions of actionLists(layout, length - 1)) {
    if (runs >= maxRuns) return { isComplete: false, runs };
    runs += 1;
    const operations = scriptOf(layout, seed, number, actions).slice(0, length - 1);
    if (!fails(withWriter(operations))) continue;
    for (let end = 0; end <= operations.length; end++) {
      runs += 1;
      const shorter = withWriter(operations.slice(0, end));
      if (fails(shorter)) return { body: { kind: 'run', run: shorter }, isComplete: true, runs };
    }
  }
  return { isComplete: true, runs };
}

/** The channel model, and the search for the shortest scripts of a writer that it does not explain. */
export const finiteChannel = (
  fails: (context: CheckContext, found: Workbench, run: RunSpec) => boolean,
): FiniteModel => ({
  model: 'channel',
  outside: body => (body.kind === 'run' ? '' : 'not a run'),
  shorter(context, body, maxRuns) {
    const found = workbench(context);
    if (!isWorkbench(found) || body.kind !== 'run') return { isComplete: false, runs: 0 };
    return shorterWriter(body.run, maxRuns, run => fails(context, found, run));
  },
});
