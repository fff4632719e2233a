import { bitstateSearch } from '../../explore/bitstate.ts';
import type { PackedSystem } from '../../explore/packed-system.ts';
import { type ExplorationReport, explorationReport } from '../../explore/report.ts';
import { breadthFirst, type SearchOptions, type SearchResult } from '../../explore/search.ts';
import { type ExpandReply, parallelBreadthFirst } from '../../explore/search-parallel.ts';
import { elapsedMs, nowMs } from '../../host/clock.ts';
import { createProgress, silentProgress } from '../../host/terminal.ts';
import { workerRunner } from '../../host/workers.ts';
import { MODELS } from '../../model/index.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { toJson } from '../../trace/json.ts';
import { groupDigits } from '../../trace/text.ts';
import { invariant } from '../../units/invariant.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type ExplorePayload, type ExploreTarget, targetSystem } from '../explore-target.ts';
import { bitstateText, explorationText } from '../explore-text.ts';
import { quintOfProof, quintOfTarget } from '../export-quint.ts';
import { livenessOf, livenessText } from '../liveness.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { readPolicyInput } from '../policy-input.ts';
import { proofText, proveModel } from '../prove.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';
import { policyUnwindingText, unwindDocument, unwindingText, unwindTarget } from '../unwind.ts';

/** States of a policy's unwinding unless told otherwise: it keeps each state and all views. */
const MOST_UNWOUND_STATES = 20_000;

interface NamedTarget {
  readonly name: string;
  readonly target: ExploreTarget;
}

/** Configurations of a model that the command line selects: by number or by a part of the name. */
function modelTargets(id: string, wanted: string | undefined): Result<readonly NamedTarget[], string> {
  const configurations = MODELS.find(model => model.id === id)?.configurations ?? [];
  const selected = configurations.filter(({ name, exhaustive }, index) =>
    wanted === undefined ? exhaustive : String(index + 1) === wanted || name.includes(wanted),
  );
  if (selected.length === 0) {
    const names = configurations.map(({ name }, index) => `${index + 1}: ${name}`);
    return err(`no configuration of ${id} matches "${wanted ?? ''}"; there are ${names.join('; ')}`);
  }
  return ok(
    selected.map(({ name }) => ({
      name: `${id}, ${name}`,
      target: { kind: 'model', model: id, configuration: name } as const,
    })),
  );
}

/** A model with one of its faults. */
function faultTargets(id: string, wanted: string): Result<readonly NamedTarget[], string> {
  const ids = (MODELS.find(model => model.id === id)?.faults ?? []).map(fault => fault.id);
  if (ids.includes(wanted))
    return ok([{ name: `${id} with ${wanted}`, target: { kind: 'fault', model: id, fault: wanted } }]);
  return err(ids.length === 0 ? `${id} has no faults` : `${id} has no fault "${wanted}"; there are ${ids.join(', ')}`);
}

/** A scenario can have the name of a model: options that only a policy's system has decide. */
function isModelWanted(wanted: string, args: Arguments, scenarios: readonly string[]): 'yes' | 'no' | 'ambiguous' {
  const model = MODELS.find(({ id }) => id === wanted);
  if (model === undefined) return 'no';
  if (!scenarios.includes(wanted)) return 'yes';
  return ['unwinding', 'liveness', 'interrupts', 'timers'].some(name => args.flags.has(name)) ? 'no' : 'ambiguous';
}

async function targetsOf(args: Arguments, environment: Environment): Promise<Result<readonly NamedTarget[], ExitCode>> {
  const wanted = args.positionals[0] ?? '';
  const { scenarios } = await environment.loadCatalogue();
  const choice = isModelWanted(
    wanted,
    args,
    scenarios.map(({ name }) => name),
  );
  if (choice === 'ambiguous' && !args.flags.has('quiet'))
    environment.stderr(
      `muencheck: ${wanted} is a model and a scenario; this is the model, --interrupts or --timers take the scenario\n`,
    );
  if (choice !== 'no') {
    const fault = args.texts.get('fault');
    const found =
      fault === undefined ? modelTargets(wanted, args.texts.get('configuration')) : faultTargets(wanted, fault);
    return found.ok ? found : err(usageError(environment, 'explore', found.error));
  }
  const input = readPolicyInput(wanted, await environment.loadCatalogue(), args);
  const models = MODELS.map(({ id }) => id).join(', ');
  if (!input.ok) return err(usageError(environment, 'explore', `${input.error} Models are ${models}.`));
  const { valid, document, path, bytes, findings } = input.value;
  if (!valid || document === undefined) {
    printFindings(
      environment,
      path,
      findings.filter(({ severity }) => severity === 'error'),
    );
    return err(EXIT.invalid);
  }
  const scope = { timers: args.flags.has('timers'), interrupts: args.flags.has('interrupts') };
  return ok([{ name: path, target: { kind: 'policy', policyBytes: bytes, scope } }]);
}

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

const exitOf = (reports: readonly Pick<ExplorationReport, 'verdict'>[]): ExitCode => {
  if (reports.some(({ verdict }) => verdict === 'refuted')) return EXIT.refuted;
  return reports.every(({ verdict }) => verdict === 'exhausted') ? EXIT.holds : EXIT.open;
};

/** `--induction`: proofs instead of an enumeration. */
function prove(args: Arguments, environment: Environment): ExitCode {
  const model = MODELS.find(({ id }) => id === args.positionals[0]);
  if (model === undefined) return usageError(environment, 'explore', '--induction needs a model');
  const reports = proveModel(model, args.numbers.get('timeout') ?? 60, args.texts.get('configuration'));
  if (!reports.ok) return usageError(environment, 'explore', reports.error);
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', proofs: reports.value })}\n`);
  else environment.stdout(proofText(reports.value));
  return reports.value.every(({ verdict }) => verdict === 'proved') ? EXIT.holds : EXIT.open;
}

/** `--unwinding`: the flow policy of a model with domains. */
function unwind(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
  const rows = targets.flatMap(({ name, target }) => {
    const result = unwindTarget(target);
    return result === undefined ? [] : [{ name, ...result }];
  });
  if (rows.length === 0) return usageError(environment, 'explore', '--unwinding needs a model with domains');
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', unwindings: rows })}\n`);
  else environment.stdout(unwindingText(rows));
  return rows.every(({ failure }) => failure === undefined) ? EXIT.holds : EXIT.refuted;
}

/** `--bitstate`: never more than inconclusive, unless a violation is found. */
function bitstate(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
  const startMs = nowMs();
  const seconds = args.numbers.get('timeout');
  const rows = targets.map(({ name, target }) => {
    const system = targetSystem(target);
    const found = bitstateSearch(
      system,
      args.numbers.get('bitstate') ?? 28,
      () => environment.interrupt.requested() || (seconds !== undefined && nowMs() - startMs > 1000 * seconds),
    );
    const violated = found.violation && system.claims[found.violation.claim];
    return {
      name,
      verdict: violated === undefined ? ('inconclusive' as const) : ('refuted' as const),
      violated,
      ...found,
    };
  });
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', bitstate: rows })}\n`);
  else environment.stdout(bitstateText(rows));
  return exitOf(rows);
}

/** `--liveness`: kernels and policies. */
function liveness(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
  const isKernel = targets.every(({ target }) => target.kind === 'policy' || target.model === 'kernel');
  if (!isKernel) return usageError(environment, 'explore', '--liveness needs the kernel model or a policy');
  const startMs = nowMs();
  const seconds = args.numbers.get('timeout');
  const maxStates = args.numbers.get('max-states');
  const reports = targets.map(({ name, target }) =>
    livenessOf(name, target, {
      ...(maxStates === undefined ? {} : { maxStates }),
      maxBytes: (args.numbers.get('memory') ?? 1024) * 2 ** 20,
      stop: () => environment.interrupt.requested() || (seconds !== undefined && nowMs() - startMs > 1000 * seconds),
    }),
  );
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', liveness: reports })}\n`);
  else environment.stdout(livenessText(reports));
  return exitOf(reports);
}

/** `--unwinding` of a policy. */
function unwindPolicyTarget(name: string, bytes: Uint8Array, args: Arguments, environment: Environment): ExitCode {
  const parsed = parsePolicy(bytes);
  invariant(parsed.ok, 'the policy does not parse');
  const startMs = nowMs();
  const seconds = args.numbers.get('timeout');
  const result = unwindDocument(parsed.value.document, {
    maxStates: args.numbers.get('max-states') ?? MOST_UNWOUND_STATES,
    interrupts: args.flags.has('interrupts'),
    stop: () => environment.interrupt.requested() || (seconds !== undefined && nowMs() - startMs > 1000 * seconds),
  });
  if (args.flags.has('json'))
    environment.stdout(`${toJson({ tool: 'muencheck', unwindings: [{ name, ...result }] })}\n`);
  else environment.stdout(policyUnwindingText(name, result));
  if (result.failure !== undefined) return EXIT.refuted;
  return result.complete ? EXIT.holds : EXIT.open;
}

/** `--export quint`: the module on stdout. */
async function exportModel(args: Arguments, environment: Environment): Promise<ExitCode> {
  const wanted = args.texts.get('configuration');
  const proof = wanted === undefined ? undefined : quintOfProof(args.positionals[0] ?? '', wanted);
  if (proof !== undefined) {
    environment.stdout(proof);
    return EXIT.holds;
  }
  const targets = await targetsOf(args, environment);
  if (!targets.ok) return targets.error;
  const [first] = targets.value;
  invariant(first !== undefined, 'no target');
  environment.stdout(quintOfTarget(first.name, first.target));
  return EXIT.holds;
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
