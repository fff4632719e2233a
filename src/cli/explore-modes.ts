import { bitstateSearch } from '../explore/bitstate.ts';
import { compareWithCharts } from '../explore/compare-charts.ts';
import type { ExplorationReport } from '../explore/report.ts';
import { nowMs } from '../host/clock.ts';
import { readModelSources } from '../host/model-sources.ts';
import { MODELS } from '../model/index.ts';
import { parsePolicy } from '../policy/parse.ts';
import { toJson } from '../trace/json.ts';
import { invariant } from '../units/invariant.ts';
import type { Environment } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type NamedTarget, targetsOf } from './explore-selection.ts';
import { targetInstance, targetSystem } from './explore-target.ts';
import { bitstateText, chartsText } from './explore-text.ts';
import { quintOfProof, quintOfTarget } from './export-quint.ts';
import { livenessOf, livenessText } from './liveness.ts';
import { usageError } from './messages.ts';
import type { Arguments } from './options.ts';
import { proofText, proveModel } from './prove.ts';
import { policyUnwindingText, unwindDocument, unwindingText, unwindTarget } from './unwind.ts';

/** States of a policy's unwinding unless told otherwise: it keeps each state and all views. */
const MOST_UNWOUND_STATES = 20_000;

/** Exit code of explorations. */
export const exitOf = (reports: readonly Pick<ExplorationReport, 'verdict'>[]): ExitCode => {
  if (reports.some(({ verdict }) => verdict === 'refuted')) return EXIT.refuted;
  return reports.every(({ verdict }) => verdict === 'exhausted') ? EXIT.holds : EXIT.open;
};

/** `--induction`: proofs instead of an enumeration. */
export function prove(args: Arguments, environment: Environment): ExitCode {
  const model = MODELS.find(({ id }) => id === args.positionals[0]);
  if (model === undefined) return usageError(environment, 'explore', '--induction needs a model');
  const reports = proveModel(model, args.numbers.get('timeout') ?? 60, args.texts.get('configuration'));
  if (!reports.ok) return usageError(environment, 'explore', reports.error);
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', proofs: reports.value })}\n`);
  else environment.stdout(proofText(reports.value));
  return reports.value.every(({ verdict }) => verdict === 'proved') ? EXIT.holds : EXIT.open;
}

/** `--unwinding`: the flow policy of a model with domains. */
export function unwind(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
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
export function bitstate(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
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

/** `--charts`: the compiled form of a model beside xstate's own steps, over all reachable states. */
export function charts(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
  if (targets.some(({ target }) => target.kind === 'policy'))
    return usageError(environment, 'explore', '--charts needs a model');
  const sources = readModelSources(MODELS.find(({ id }) => id === args.positionals[0])?.sources ?? []);
  const startMs = nowMs();
  const seconds = args.numbers.get('timeout');
  const rows = targets.map(({ name, target }) => {
    const comparison = compareWithCharts(targetInstance(target), sources, {
      maxBytes: (args.numbers.get('memory') ?? 1024) * 2 ** 20,
      stop: () => environment.interrupt.requested() || (seconds !== undefined && nowMs() - startMs > 1000 * seconds),
    });
    const open = comparison.cut === '' ? ('exhausted' as const) : ('inconclusive' as const);
    return { name, verdict: comparison.difference === '' ? open : ('refuted' as const), ...comparison };
  });
  if (args.flags.has('json')) environment.stdout(`${toJson({ tool: 'muencheck', charts: rows })}\n`);
  else environment.stdout(chartsText(rows));
  return exitOf(rows);
}

/** `--liveness`: kernels and policies. */
export function liveness(targets: readonly NamedTarget[], args: Arguments, environment: Environment): ExitCode {
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
export function unwindPolicyTarget(
  name: string,
  bytes: Uint8Array,
  args: Arguments,
  environment: Environment,
): ExitCode {
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
export async function exportModel(args: Arguments, environment: Environment): Promise<ExitCode> {
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
