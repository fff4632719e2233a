import { flowGraph } from '../../model/flow-policy.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import {
  diffFlows,
  flowDiffToText,
  flowsToDot,
  flowsToMermaid,
  flowsToText,
  type ReportedFlow,
  type ReportedFlows,
} from '../../report/flows.ts';
import { toJson } from '../../trace/escape.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';

function plainEdge({ from, to, kind, mechanism, via, lines, permittedByDesign, detail }: ReportedFlow): ReportedFlow {
  return { from, to, kind, mechanism, via, lines, permittedByDesign, detail };
}

function plainFlows(path: string, document: PolicyDocument): ReportedFlows {
  const graph = flowGraph(document);
  return {
    path,
    nodes: graph.nodes.map(({ id, kind }) => ({ id, kind })),
    edges: graph.edges.map(plainEdge),
    notes: graph.notes.map(({ mechanism, subjects, lines, detail }) => ({ mechanism, subjects, lines, detail })),
  };
}

interface LoadError {
  readonly usage: string;
  readonly invalid?: PolicyInput;
}

function load(target: string, catalogue: Catalogue): Result<ReportedFlows, LoadError> {
  const input = readPolicyInput(target, catalogue);
  if (!input.ok) return err({ usage: input.error });
  const { document, valid, path } = input.value;
  return document === undefined || !valid ? err({ usage: '', invalid: input.value }) : ok(plainFlows(path, document));
}

function refuse(error: LoadError, environment: Environment): ExitCode {
  if (error.invalid === undefined) return usageError(environment, 'flows', error.usage);
  printFindings(
    environment,
    error.invalid.path,
    error.invalid.findings.filter(finding => finding.severity === 'error'),
  );
  return EXIT.invalid;
}

const asJson = (value: unknown): string => `${toJson(value)}\n`;

function render(flows: ReportedFlows, args: Arguments): string {
  if (args.flags.has('json')) return asJson(flows);
  if (args.flags.has('dot')) return flowsToDot(flows);
  return args.flags.has('mermaid') ? flowsToMermaid(flows) : flowsToText(flows);
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const formats = ['json', 'dot', 'mermaid'].filter(format => args.flags.has(format));
  const other = args.texts.get('diff');
  if (formats.length > 1) return usageError(environment, 'flows', `choose one of --${formats.join(', --')}`);
  if (other !== undefined && formats.some(format => format !== 'json'))
    return usageError(environment, 'flows', '--diff prints text or --json only');
  const catalogue = await environment.loadCatalogue();
  const flows = load(args.positionals[0] ?? '', catalogue);
  if (!flows.ok) return refuse(flows.error, environment);
  if (other === undefined) {
    environment.stdout(render(flows.value, args));
    return EXIT.holds;
  }
  const after = load(other, catalogue);
  if (!after.ok) return refuse(after.error, environment);
  const json = (): string =>
    asJson({ before: flows.value.path, after: after.value.path, ...diffFlows(flows.value, after.value) });
  environment.stdout(args.flags.has('json') ? json() : flowDiffToText(flows.value, after.value));
  return EXIT.holds;
}

export const flowsCommand: Command = {
  name: 'flows',
  summary: 'allowed information flows, with the policy lines that grant each',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    { name: 'diff', kind: 'text', placeholder: 'other.xml', help: 'flows that the other policy adds or removes' },
    { name: 'dot', kind: 'flag', help: 'print a Graphviz graph' },
    { name: 'mermaid', kind: 'flag', help: 'print a Mermaid flow chart' },
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: ['flows log-proxy', 'flows old.xml --diff new.xml'],
  run,
};
