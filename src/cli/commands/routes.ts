import { readFileStart } from '../../host/files.ts';
import type { InitEra } from '../../impl/genode/init/config.ts';
import { readInitConfig } from '../../impl/genode/init/read-config.ts';
import { initElement, type ResolvedInit, type ResolvedRoute, resolveInit } from '../../impl/genode/init/resolve.ts';
import type { RouteDecision } from '../../impl/genode/init/route.ts';
import { type Finding, findingAt } from '../../policy/finding.ts';
import { parseXml, XML_LIMITS } from '../../policy/xml.ts';
import { toJson } from '../../trace/json.ts';
import { layoutTable } from '../../trace/text.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';

interface LoadedInit extends ResolvedInit {
  readonly era: InitEra;
}

/** Reads an init configuration, or a package's runtime file, and routes what its components would request. */
export function loadInit(bytes: Uint8Array, era: InitEra | undefined): Result<LoadedInit, Finding> {
  const document = parseXml(bytes);
  if (!document.ok) return document;
  const element = initElement(document.value.root);
  if (element === undefined) {
    const { name, at } = document.value.root;
    const hint = 'Give a file whose root is <config>, or <runtime> with a <config> in it.';
    return err(findingAt(at, 'INIT-NO-CONFIG', 'error', `<${name}> holds no configuration of init`, hint));
  }
  const reading = readInitConfig(element, era);
  return ok({ ...resolveInit(reading), era: reading.config.era });
}

const NOT_ROUTED: Readonly<Record<string, string>> = {
  parent: 'parent',
  'own-config': 'its own <config>',
  'session-requests': 'init',
  binary: 'its program',
};

/** The servers on the way, the last one serves. */
function serverOf(decisions: readonly RouteDecision[]): string {
  const words = decisions.map(decision => {
    if (decision.kind === 'denied') return `DENIED: ${decision.reason}`;
    return decision.kind === 'child' ? `child ${decision.child}` : NOT_ROUTED[decision.kind]!;
  });
  return words.join(', ');
}

function rowOf({ path, request, decisions }: ResolvedRoute): string[] {
  const last = decisions.at(-1)!;
  const lines = decisions.flatMap(({ at }) => (at === undefined ? [] : [at.line]));
  return [
    path.join(' -> '),
    request.service,
    request.label,
    serverOf(decisions),
    last.kind === 'denied' ? '' : last.label,
    lines.length === 0 ? '' : `line ${lines.join(', ')}`,
  ];
}

/** True if no server takes the session in the end. */
export const isDenied = ({ decisions }: ResolvedRoute): boolean => decisions.at(-1)!.kind === 'denied';

function toText(path: string, init: LoadedInit): string {
  const head = ['COMPONENT', 'SERVICE', 'LABEL', 'SERVER', 'LABEL AT THE SERVER', 'BY'];
  const denied = init.routes.filter(isDenied).length;
  const size = `${init.components} components in ${init.inits} init${init.inits === 1 ? '' : 's'}`;
  const summary = `${printable(path)}: ${size} (rules of ${init.era}), ${init.routes.length} sessions, ${denied} denied`;
  return `${[...layoutTable([head, ...init.routes.map(rowOf)]), summary].join('\n')}\n`;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const path = args.positionals[0] ?? '';
  const bytes = readFileStart(path, XML_LIMITS.maxBytes);
  if (!bytes.ok) return usageError(environment, 'routes', bytes.error);
  const init = loadInit(bytes.value, args.texts.get('era') as InitEra | undefined);
  const findings = init.ok ? init.value.findings : [init.error];
  const isValid = findings.every(finding => finding.severity !== 'error');
  if (args.flags.has('json')) {
    environment.stdout(`${toJson({ path, ...(init.ok ? init.value : { findings }) })}\n`);
  } else {
    printFindings({ ...environment, stdout: environment.stderr }, path, findings);
    if (init.ok) environment.stdout(toText(path, init.value));
  }
  return isValid ? EXIT.holds : EXIT.invalid;
}

export const routesCommand: Command = {
  name: 'routes',
  summary: 'where Genode init sends the sessions of each component of a configuration',
  operands: '<init config.xml>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'era',
      kind: 'choice',
      choices: ['2016', '26.02'],
      help: 'release whose routing rules hold (default: 2016 if no component has caps)',
    },
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: ['routes init.config', 'routes runtime.xml --era 26.02 --json'],
  run,
};
