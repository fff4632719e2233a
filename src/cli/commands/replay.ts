import { resolve } from 'node:path';
import type { ReplayResult } from '../../engine/replay.ts';
import type { Fault } from '../../faults/fault.ts';
import { readFileLimited } from '../../host/files.ts';
import { traceToHtml } from '../../report/html-counterexample.ts';
import { traceToItf } from '../../trace/itf.ts';
import { traceToMermaid } from '../../trace/mermaid.ts';
import { traceToPerfetto } from '../../trace/perfetto.ts';
import { writeTrace } from '../../trace/read.ts';
import { traceToText } from '../../trace/text.ts';
import type { Trace } from '../../trace/trace.ts';
import { traceToVitest } from '../../trace/vitest.ts';
import { printable } from '../../units/printable.ts';
import { ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { loadFaultModule } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { filesOption, readFiles } from '../files-input.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS } from '../options.ts';
import { type PreparedTrace, prepareTrace } from '../replay-trace.ts';
import { programName, shellWord } from '../shell.ts';

const FORMATS = ['text', 'json', 'html', 'mermaid', 'vitest', 'itf', 'perfetto'] as const;

/** The trace as it was seen now, up to and including timeline step `last`. */
function seenTrace(trace: Trace, result: ReplayResult, last: number | undefined): Trace {
  const outcome = result.outcome ?? trace.outcome;
  const timeline = last === undefined ? outcome.timeline : outcome.timeline.filter(row => row.step <= last);
  return { ...trace, outcome: { ...outcome, timeline } };
}

interface Rendering {
  readonly format: string;
  readonly path: string;
  readonly from: string | undefined;
  readonly step: number | undefined;
}

function render(prepared: PreparedTrace, result: ReplayResult, how: Rendering, environment: Environment): string {
  const { claim, policyText } = prepared;
  const trace = seenTrace(prepared.trace, result, how.step);
  if (how.format === 'json') return writeTrace(prepared.trace);
  if (how.format === 'vitest')
    return traceToVitest(prepared.trace, how.from === undefined ? undefined : resolve(how.from));
  if (how.format === 'mermaid') return traceToMermaid(trace);
  if (how.format === 'itf') return traceToItf(trace);
  if (how.format === 'perfetto') return traceToPerfetto(trace);
  const words = ['replay', shellWord(how.path), ...(how.from === undefined ? [] : ['--from', shellWord(how.from)])];
  const replayCommand = printable(`${programName(environment.env)} ${words.join(' ')}`);
  const toOutput = how.format === 'html' ? traceToHtml : traceToText;
  return toOutput(trace, { claim, policyText, replayCommand });
}

async function userFaults(args: Arguments, environment: Environment): Promise<Result<readonly Fault[], ExitCode>> {
  const from = args.texts.get('from');
  if (from === undefined) return ok([]);
  const loaded = await loadFaultModule(from, []);
  if (loaded.ok) return loaded;
  printFindings({ ...environment, stdout: environment.stderr }, from, loaded.error);
  return { ok: false, error: EXIT.usage };
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const path = args.positionals[0] ?? '';
  const format = args.texts.get('to') ?? 'text';
  const bytes = readFileLimited(path);
  if (!bytes.ok) return usageError(environment, 'replay', bytes.error);
  const faults = await userFaults(args, environment);
  if (!faults.ok) return faults.error;
  const folder = args.texts.get('files');
  const given = folder === undefined ? undefined : readFiles(folder);
  if (given?.ok === false) return usageError(environment, 'replay', given.error);
  const prepared = prepareTrace(
    new TextDecoder().decode(bytes.value),
    await environment.loadCatalogue(),
    faults.value,
    given?.value.files,
  );
  if (!prepared.ok) {
    for (const problem of prepared.error) environment.stderr(`muencheck: ${printable(`${path}: ${problem}`)}\n`);
    return usageError(environment, 'replay', `${path} cannot be replayed`);
  }
  const result = prepared.value.run();
  const step = args.numbers.get('step');
  const steps = (result.outcome ?? prepared.value.trace.outcome).timeline.map(row => row.step);
  if (step !== undefined && !steps.includes(step)) {
    return usageError(
      environment,
      'replay',
      steps.length === 0
        ? 'this trace has no steps'
        : `--step ${step}: the steps are ${[...new Set(steps)].join(', ')}`,
    );
  }
  if (result.status !== 'holds' || format !== 'text')
    environment.stdout(
      render(prepared.value, result, { format, path, from: args.texts.get('from'), step }, environment),
    );
  if (!args.flags.has('quiet'))
    environment.stderr(`${result.status === 'reproduced' ? 'reproduced exactly' : 'not reproduced'}\n`);
  for (const difference of result.differences) environment.stderr(`  ${printable(difference)}\n`);
  return result.status === 'reproduced' ? EXIT.holds : EXIT.differs;
}

export const replayCommand: Command = {
  name: 'replay',
  summary: 'run a counterexample again and compare every fact with the record',
  operands: '<trace.json>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'to',
      kind: 'choice',
      choices: FORMATS,
      help: `output format: ${FORMATS.join(', ')} (default text)`,
    },
    {
      name: 'step',
      kind: 'count',
      placeholder: 'n',
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      help: 'show the timeline up to this step only',
    },
    {
      name: 'from',
      kind: 'text',
      placeholder: 'file.ts',
      help: 'module of the fault that the trace was made with, if it is your own',
    },
    filesOption('for a trace that was made with them and does not carry them'),
    ...COMMON_OPTIONS,
  ],
  examples: [
    'replay muencheck-report/isolation-pair-runs.trace.json',
    'replay trace.json --to vitest > regression.test.ts',
  ],
  run,
};
