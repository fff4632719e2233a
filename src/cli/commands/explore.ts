import type { PackedSystem } from '../../explore/packed-system.ts';
import { type ExplorationReport, explorationReport } from '../../explore/report.ts';
import { breadthFirst, type SearchOptions, type SearchResult } from '../../explore/search.ts';
import { type ExpandReply, parallelBreadthFirst } from '../../explore/search-parallel.ts';
import { elapsedMs, nowMs } from '../../host/clock.ts';
import { createProgress, silentProgress } from '../../host/terminal.ts';
import { workerRunner } from '../../host/workers.ts';
import { toJson } from '../../trace/json.ts';
import { groupDigits } from '../../trace/text.ts';
import { invariant } from '../../units/invariant.ts';
import { printable } from '../../units/printable.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import {
  bitstate,
  charts,
  exitOf,
  exportModel,
  liveness,
  prove,
  unwind,
  unwindPolicyTarget,
} from '../explore-modes.ts';
import { targetsOf } from '../explore-selection.ts';
import { type ExplorePayload, type ExploreTarget, targetSystem } from '../explore-target.ts';
import { explorationText } from '../explore-text.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

/** Searches in this thread, or with worker threads; the result is the same. */
async function search(
  target: ExploreTarget,
  system: PackedSystem,
  options: SearchOptions,
  jobs: number,
): Promise<SearchResult> {
  if (jobs === 1) return breadthFirst(system, options);
  const runner = workerRunner<ExplorePayload, ExpandReply>(new URL('../explore-target.ts', import.meta.url).href, jobs);
  try {
    return await parallelBreadthFirst(system, options, async job => {
      const reply = await runner.submit({ target, job });
      invariant(reply.kind === 'done', `a worker failed: ${reply.kind === 'crashed' ? reply.message : ''}`);
      return reply.value;
    });
  } finally {
    await runner.close();
  }
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  if (args.flags.has('induction')) return prove(args, environment);
  if (args.texts.has('export')) return exportModel(args, environment);
  const targets = await targetsOf(args, environment);
  if (!targets.ok) return targets.error;
  if (args.flags.has('unwinding')) {
    const [first] = targets.value;
    return first?.target.kind === 'policy'
      ? unwindPolicyTarget(first.name, first.target.policyBytes, args, environment)
      : unwind(targets.value, args, environment);
  }
  if (args.numbers.has('bitstate')) return bitstate(targets.value, args, environment);
  if (args.flags.has('charts')) return charts(targets.value, args, environment);
  if (args.flags.has('liveness')) return liveness(targets.value, args, environment);
  const jobs = args.numbers.get('jobs') ?? 1;
  const facts = { isTty: environment.stderrIsTty, env: environment.env, noColor: true };
  const progress = args.flags.has('quiet')
    ? silentProgress
    : createProgress(environment.stderr, facts, environment.columns);
  environment.interrupt.whenRequested(() => undefined);
  const rows: ({ readonly name: string; readonly durationMs: number } & ExplorationReport)[] = [];
  for (const { name, target } of targets.value) {
    const startMs = nowMs();
    const maxStates = args.numbers.get('max-states');
    const seconds = args.numbers.get('timeout');
    const system = targetSystem(target);
    const result = await search(
      target,
      system,
      {
        ...(maxStates === undefined ? {} : { maxStates }),
        maxBytes: (args.numbers.get('memory') ?? 1024) * 2 ** 20,
        stopAtViolation: args.flags.has('first'),
        stop: () => environment.interrupt.requested() || (seconds !== undefined && nowMs() - startMs > 1000 * seconds),
        onProgress: (states, explored, depth) =>
          progress.update(
            printable(`${name}  ${groupDigits(states)} states, ${groupDigits(explored)} explored, depth ${depth}`),
          ),
      },
      jobs,
    );
    progress.end();
    rows.push({ name, durationMs: elapsedMs(startMs), ...explorationReport(system, result) });
    if (environment.interrupt.requested()) break;
  }
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', explorations: rows })}\n`);
  else environment.stdout(explorationText(rows, environment.paint));
  return environment.interrupt.requested() ? EXIT.interrupted : exitOf(rows);
}

export const exploreCommand: Command = {
  name: 'explore',
  summary: "enumerate a model's or a policy's whole abstract state space",
  operands: '<model | policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'configuration',
      kind: 'text',
      placeholder: 'n or text',
      help: 'one configuration of a model (default: all that are small enough)',
    },
    { name: 'fault', kind: 'text', placeholder: 'id', help: 'model: with one of its seeded faults, to see it refuted' },
    { name: 'induction', kind: 'flag', help: 'model: prove its lemmas for runs of any length by induction, with z3' },
    {
      name: 'unwinding',
      kind: 'flag',
      help: 'policy, or model with domains: decide its flows by unwinding; two runs if one is broken',
    },
    {
      name: 'charts',
      kind: 'flag',
      help: "model: step every reachable state by xstate's transition(), too, and compare with the compiled form",
    },
    {
      name: 'bitstate',
      kind: 'count',
      placeholder: 'n',
      min: 10,
      max: 32,
      help: 'remember states by 2^n bits only: far more states, some missed; never more than inconclusive',
    },
    {
      name: 'liveness',
      kind: 'flag',
      help: 'kernel or policy: whether every ready group runs again, and after how many major frames',
    },
    {
      name: 'export',
      kind: 'choice',
      choices: ['quint'],
      help: 'print the first selected configuration, or a proof with its lemmas, in that language',
    },
    { name: 'interrupts', kind: 'flag', help: 'policy: with the device interrupts that it routes' },
    { name: 'timers', kind: 'flag', help: 'policy: with timed events' },
    {
      name: 'max-states',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 4_000_000_000,
      help: 'states; more are inconclusive',
    },
    {
      name: 'memory',
      kind: 'count',
      placeholder: 'MiB',
      min: 1,
      max: 1 << 20,
      help: 'largest state table in MiB (default 1024); beyond it is inconclusive',
    },
    { name: 'timeout', kind: 'seconds', placeholder: 'seconds', help: 'end after this time; inconclusive' },
    { name: 'first', kind: 'flag', help: 'end at the first violated invariant' },
    {
      name: 'jobs',
      kind: 'count',
      placeholder: 'n',
      min: 1,
      max: 64,
      help: 'worker threads; never changes the result (default 1)',
    },
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['explore two-subjects --json', 'explore channel --export quint > channel.qnt'],
  run,
};
