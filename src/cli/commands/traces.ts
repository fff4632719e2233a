import { COVERAGES, type Coverage, generateSuite, type Suite } from '../../explore/conformance.ts';
import { RecordedKernel } from '../../explore/recorded-kernel.ts';
import type { TraceHeader } from '../../explore/recorded-line.ts';
import { explainUncovered, type Uncovered } from '../../explore/uncovered.ts';
import { joinPath, writeFileAtomic } from '../../host/files.ts';
import { kernelConfig } from '../../model/kernel-config.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { readPolicyInput } from '../policy-input.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

const DEFAULT_WALKS = 300;
const DEFAULT_LENGTH = 40;
/** Steps of the walk that tells whether a transition needs CPUs that take turns. */
const INTERLEAVED_STEPS = 200_000;

const fileName = (index: number): string => `trace-${String(index + 1).padStart(3, '0')}.ndjson`;

/** Writes the traces; the error says which file cannot be written. */
function writeSuite(suite: Suite, header: TraceHeader, out: string): string | undefined {
  for (const [index, { lines }] of suite.traces.entries()) {
    const text = [header, ...lines].map(line => `${JSON.stringify(line)}\n`).join('');
    const written = writeFileAtomic(joinPath(out, fileName(index)), text);
    if (!written.ok) return written.error;
  }
  return undefined;
}

function suiteText(suite: Suite, uncovered: readonly Uncovered[]): string {
  const rows = suite.traces.map(({ lines, covers }, index) => {
    const more = covers.length > 1 ? ` and ${covers.length - 1} more` : '';
    return `${fileName(index)}  ${String(lines.length).padStart(3)} lines  ${covers[0] ?? ''}${more}`;
  });
  const missing = uncovered.map(({ goal, reason }) => `  ${goal}: ${reason}`);
  const { covered } = suite;
  return [
    ...rows,
    '',
    `covered ${covered.length} of ${covered.length + uncovered.length}`,
    ...(missing.length === 0 ? [] : ['not covered', ...missing]),
  ]
    .map(line => `${printable(line)}\n`)
    .join('');
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const policy = readPolicyInput(args.positionals[0] ?? '', await environment.loadCatalogue(), args);
  if (!policy.ok) return usageError(environment, 'traces', policy.error);
  const { document, valid, findings, path, digest } = policy.value;
  if (document === undefined || !valid) {
    const errors = findings.filter(({ severity }) => severity === 'error');
    printFindings(environment, path, errors);
    return EXIT.invalid;
  }
  const config = kernelConfig(document);
  const seed = args.numbers.get('seed') ?? 1;
  environment.interrupt.whenRequested(() => undefined);
  const suite = generateSuite(config, {
    coverage: (args.texts.get('cover') ?? 'all') as Coverage,
    seed,
    length: args.numbers.get('length') ?? DEFAULT_LENGTH,
    walks: args.numbers.get('walks') ?? DEFAULT_WALKS,
    stop: () => environment.interrupt.requested(),
  });
  const uncovered = explainUncovered(new RecordedKernel(config), suite.uncovered, seed, INTERLEAVED_STEPS);
  const out = args.texts.get('out') ?? 'muencheck-traces';
  const header: TraceHeader = { format: 'muencheck-events', version: 1, startTsc: 0, policy: digest };
  const problem = writeSuite(suite, header, out);
  if (problem !== undefined) return usageError(environment, 'traces', problem);
  const traces = suite.traces.map(({ lines, covers }, index) => ({
    file: fileName(index),
    lines: lines.length,
    covers,
  }));
  const report = toJson({ tool: 'muencheck', policy: digest, seed, traces, covered: suite.covered, uncovered });
  const written = writeFileAtomic(joinPath(out, 'coverage.json'), `${report}\n`);
  if (!written.ok) return usageError(environment, 'traces', written.error);
  environment.stdout(args.flags.has('json') ? `${report}\n` : suiteText(suite, uncovered));
  return suite.stopped ? EXIT.interrupted : EXIT.holds;
}

export const tracesCommand: Command = {
  name: 'traces',
  summary: 'write a conformance suite for another kernel: traces with what must be seen',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    { name: 'out', kind: 'text', placeholder: 'folder', help: 'where the traces go (default muencheck-traces)' },
    {
      name: 'cover',
      kind: 'choice',
      choices: COVERAGES,
      help: "transitions of the kernel's chart, what the policy declares, or all (default)",
    },
    { name: 'seed', kind: 'seed', placeholder: 'n', help: 'seed of the random walks (default 1)' },
    {
      name: 'walks',
      kind: 'count',
      placeholder: 'n',
      min: 0,
      max: 1_000_000,
      help: `random walks after the ordered search (default ${DEFAULT_WALKS})`,
    },
    {
      name: 'length',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 10_000,
      help: `lines of a trace, at most (default ${DEFAULT_LENGTH})`,
    },
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['traces two-subjects --out suite', 'traces policy.xml --cover declared --json'],
  run,
};
