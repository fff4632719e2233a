import { join, relative, resolve, sep } from 'node:path';
import { fileExists, writeFileAtomic } from '../../host/files.ts';
import { flowGraph } from '../../model/flow-policy.ts';
import { MAX_CLAIMS } from '../../policy/claims.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import { inferIntent } from '../../policy/intent.ts';
import { claimsSkeleton } from '../../refinement/claims-skeleton.ts';
import { suggestion } from '../../units/nearest.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS } from '../options.ts';
import { namesFile, readPolicyFile } from '../policy-input.ts';
import { programName, shellWord } from '../shell.ts';
import { claimsFile, propertyFile } from '../skeleton-text.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

const CLAIMS = 'claims.json';
const PROPERTIES = 'policy.test.ts';

/** Subjects that the claims are to be about. */
function chosenSubjects(document: PolicyDocument, wanted: readonly string[]): Result<readonly string[], string> {
  const names = document.subjects.map(({ name }) => name);
  const unknown = wanted.find(name => !names.includes(name));
  if (unknown !== undefined) return err(`the policy has no subject "${unknown}".${suggestion(unknown, names)}`);
  return ok(wanted.length === 0 ? names : names.filter(name => wanted.includes(name)));
}

/** Names of the files and their contents; a policy that was put together from sources gives claims only. */
function skeletons(
  document: PolicyDocument,
  subjects: readonly string[],
  policy: string | undefined,
): Result<ReadonlyMap<string, string>, string> {
  const claims = claimsSkeleton(flowGraph(document), subjects);
  const most = Math.max(claims.noFlow.length, claims.onlyVia.length);
  if (most > MAX_CLAIMS)
    return err(`${most} claims of one kind are more than the ${MAX_CLAIMS} of a claims file: choose with --subject`);
  const files = new Map([[CLAIMS, claimsFile(claims)]]);
  const [subject] = document.subjects.filter(({ name }) => subjects.includes(name));
  if (policy !== undefined && subject !== undefined)
    files.set(PROPERTIES, propertyFile({ policy, subject: subject.name, cpu: subject.cpu }));
  return ok(files);
}

function writeAll(folder: string, files: ReadonlyMap<string, string>): Result<void, string> {
  const present = [...files.keys()].find(name => fileExists(join(folder, name)));
  if (present !== undefined) return err(`${join(folder, present)} exists: move it away, or give another --out`);
  for (const [name, text] of files) {
    const written = writeFileAtomic(join(folder, name), text);
    if (!written.ok) return err(written.error);
  }
  return ok(undefined);
}

/** What nothing in the policy explains: the integrator has to say why it is meant. */
function unexplained(document: PolicyDocument): readonly string[] {
  const { violations, warnings } = inferIntent(document);
  return [...violations, ...warnings].map(
    ({ line, code, message }) => `  line ${line} ${code} ${printable(message)}\n`,
  );
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const target = args.positionals[0] ?? '';
  if (!namesFile(target)) return usageError(environment, 'init', `there is no policy file "${target}"`);
  const input = readPolicyFile(target, args);
  if (!input.ok) return usageError(environment, 'init', input.error);
  const { document, valid, findings, builtFrom } = input.value;
  if (document === undefined || !valid) {
    printFindings(
      environment,
      input.value.path,
      findings.filter(({ severity }) => severity === 'error'),
    );
    return EXIT.invalid;
  }
  const subjects = chosenSubjects(document, args.lists.get('subject') ?? []);
  if (!subjects.ok) return usageError(environment, 'init', subjects.error);
  const folder = args.texts.get('out') ?? '.';
  const policy = relative(resolve(folder), resolve(target)).split(sep).join('/');
  const files = skeletons(document, subjects.value, builtFrom === undefined ? policy : undefined);
  if (!files.ok) return usageError(environment, 'init', files.error);
  const written = writeAll(folder, files.value);
  if (!written.ok) return usageError(environment, 'init', written.error);
  environment.stdout([...files.value.keys()].map(name => `${printable(join(folder, name))}\n`).join(''));
  const open = unexplained(document);
  if (open.length > 0 && !args.flags.has('quiet'))
    environment.stderr(`for "allow" in the claims, with your reason, if it is meant:\n${open.join('')}`);
  if (!args.flags.has('quiet'))
    environment.stderr(
      `The claims say what holds now: remove what need not hold, then\n  ${programName(environment.env)} check ${shellWord(target)} --claims ${shellWord(join(folder, CLAIMS))}\n`,
    );
  return EXIT.holds;
}

export const initCommand: Command = {
  name: 'init',
  summary: 'write a claims file with all that a policy keeps apart now, and a vitest file for properties of your own',
  operands: '<policy.xml>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'out',
      kind: 'text',
      placeholder: 'dir',
      help: `folder of ${CLAIMS} and ${PROPERTIES} (default: this one)`,
    },
    { name: 'subject', kind: 'list', placeholder: 'name', help: 'only claims between these subjects; repeatable' },
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['init policy_b.xml --out claims', 'init policy_b.xml --subject vt --subject time'],
  run,
};
