import { closureDiffToText, closureToJson, closureToText, diffClosures, flowPaths } from '../../model/flow-closure.ts';
import type { FlowKind } from '../../model/flow-edge.ts';
import { type FlowGraph, flowGraph } from '../../model/flow-policy.ts';
import {
  diffFlows,
  diffToText,
  flowsToDot,
  flowsToJson,
  flowsToMermaid,
  flowsToText,
} from '../../model/flow-render.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

interface LoadedFlows {
  readonly path: string;
  readonly graph: FlowGraph;
}

interface LoadError {
  readonly usage: string;
  readonly invalid?: PolicyInput;
}

function load(target: string, catalogue: Catalogue, args: Arguments): Result<LoadedFlows, LoadError> {
  const input = readPolicyInput(target, catalogue, args);
  if (!input.ok) return err({ usage: input.error });
  const { document, valid, path } = input.value;
  if (document === undefined || !valid) return err({ usage: '', invalid: input.value });
  return ok({ path, graph: flowGraph(document) });
}

function refuse(error: LoadError, environment: Environment): ExitCode {
  if (error.invalid === undefined) return usageError(environment, 'flows', error.usage);
  const errors = error.invalid.findings.filter(finding => finding.severity === 'error');
  printFindings(environment, error.invalid.path, errors);
  return EXIT.invalid;
}

function render({ path, graph }: LoadedFlows, args: Arguments): string {
  if (args.flags.has('closure')) {
    const paths = flowPaths(graph);
    return args.flags.has('json') ? `${toJson({ path, closure: closureToJson(paths) })}\n` : closureToText(paths);
  }
  const kinds: readonly FlowKind[] = args.flags.has('timing') ? ['data', 'event', 'timing'] : ['data', 'event'];
  if (args.flags.has('json')) return `${toJson({ path, ...flowsToJson(graph) })}\n`;
  if (args.flags.has('dot')) return flowsToDot(graph, { kinds });
  return args.flags.has('mermaid') ? flowsToMermaid(graph, { kinds }) : flowsToText(graph, { kinds });
}

function renderClosureDiff(before: LoadedFlows, after: LoadedFlows, args: Arguments): string {
  const diff = diffClosures(flowPaths(before.graph), flowPaths(after.graph));
  if (args.flags.has('json')) {
    const [added, removed] = [closureToJson(diff.added), closureToJson(diff.removed)];
    return `${toJson({ before: before.path, after: after.path, added, removed })}\n`;
  }
  const counts = `${diff.added.length} pairs newly connected, ${diff.removed.length} no longer`;
  return `${printable(before.path)} -> ${printable(after.path)}: ${counts}\n${closureDiffToText(diff)}`;
}

function renderDiff(before: LoadedFlows, after: LoadedFlows, args: Arguments): string {
  if (args.flags.has('closure')) return renderClosureDiff(before, after, args);
  const diff = diffFlows(before.graph, after.graph);
  if (args.flags.has('json')) return `${toJson({ before: before.path, after: after.path, ...diff })}\n`;
  const counts = `${diff.added.length} flows added, ${diff.removed.length} removed, ${diff.changed.length} changed`;
  return `${printable(before.path)} -> ${printable(after.path)}: ${counts}\n${diffToText(diff)}`;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const formats = ['json', 'dot', 'mermaid'].filter(format => args.flags.has(format));
  const other = args.texts.get('diff');
  if (formats.length > 1) return usageError(environment, 'flows', `choose one of --${formats.join(', --')}`);
  if (other !== undefined && formats.some(format => format !== 'json')) {
    return usageError(environment, 'flows', '--diff prints text or --json only');
  }
  if (args.flags.has('closure') && formats.some(format => format !== 'json')) {
    return usageError(environment, 'flows', '--closure prints text or --json only');
  }
  const catalogue = await environment.loadCatalogue();
  const flows = load(args.positionals[0] ?? '', catalogue, args);
  if (!flows.ok) return refuse(flows.error, environment);
  const after = other === undefined ? undefined : load(other, catalogue, args);
  if (after !== undefined && !after.ok) return refuse(after.error, environment);
  environment.stdout(after === undefined ? render(flows.value, args) : renderDiff(flows.value, after.value, args));
  return EXIT.holds;
}

export const flowsCommand: Command = {
  name: 'flows',
  summary: 'allowed information flows, with the policy lines that grant each',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'diff',
      kind: 'text',
      placeholder: 'other.xml',
      help: 'flows that the other policy adds, removes or changes',
    },
    {
      name: 'closure',
      kind: 'flag',
      help: 'who can influence whom directly or through others, each with a shortest path',
    },
    { name: 'timing', kind: 'flag', help: 'also show flows of time only (JSON and --diff always have them)' },
    { name: 'dot', kind: 'flag', help: 'print a Graphviz graph' },
    { name: 'mermaid', kind: 'flag', help: 'print a Mermaid flow chart' },
    JSON_OPTION,
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['flows log-proxy', 'flows old.xml --diff new.xml'],
  run,
};
