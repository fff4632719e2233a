import { sha256OfParts, writeFileAtomic } from '../../host/files.ts';
import { unexaminedNotice } from '../../policy/check.ts';
import { addMemoryHashes } from '../../policy/derive/memory-hashes.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import type { Finding } from '../../policy/finding.ts';
import { readPolicy } from '../../policy/parse.ts';
import type { PolicyFormat } from '../../policy/toolchain.ts';
import { parseTree, toXmlDocument } from '../../policy/tree.ts';
import { writeTree } from '../../policy/tree-write.ts';
import { countFindings, findingLines } from '../../report/findings-text.ts';
import { toJson } from '../../trace/json.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import type { Command, Environment } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { filesOption, withFiles } from '../files-input.ts';
import { printFindings, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION } from '../options.ts';
import { buildPolicy } from '../policy-build.ts';
import { namesFile, type PolicyInput, readPolicyFile, readPolicyInput } from '../policy-input.ts';
import { checkSchema, checkTreeSchema } from '../schema-check.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';

function renderJson(policy: PolicyInput): string {
  const { document } = policy;
  const findings = policy.findings.map(({ code, severity, message, line, column, hint, file }) => ({
    code,
    severity,
    message,
    line,
    column,
    hint,
    ...(file === undefined ? {} : { file }),
  }));
  const size = {
    format: document?.format ?? 'unknown',
    ...(policy.builtFrom === undefined ? {} : { builtFrom: policy.builtFrom }),
    subjects: document?.subjects.length ?? 0,
    cpus: document?.kernel.cpus.length ?? 0,
  };
  return `${toJson({ policy: { path: policy.path, digest: policy.digest, ...size }, valid: policy.valid, examined: policy.examined, findings })}\n`;
}

/** Prints findings as prose, beside data on standard output. */
function warn(environment: Environment, path: string, findings: readonly Finding[]): void {
  for (const line of findings.flatMap(finding => findingLines(path, finding, environment.paint))) {
    environment.stderr(`${line}\n`);
  }
}

/** Writes a policy in a format before the last one, to standard output or to a file. */
async function writeIntermediate(args: Arguments, environment: Environment, format: 'src' | 'a'): Promise<ExitCode> {
  const [path = ''] = args.positionals;
  const built = buildPolicy(path, args, format);
  if (!built.ok) {
    if (built.error.kind === 'unreadable') return usageError(environment, 'policy', built.error.message);
    printFindings(environment, path, built.error.findings);
    return EXIT.invalid;
  }
  const { tree, from, findings } = built.value;
  if (FORMATS.indexOf(from) > FORMATS.indexOf(format)) {
    return usageError(environment, 'policy', `${path} is in format ${from} already, there is no way back to ${format}`);
  }
  const [out, schema] = [args.texts.get('out'), args.texts.get('schema')];
  const invalid = schema === undefined ? ok([]) : await checkTreeSchema(tree, schema);
  if (!invalid.ok) return usageError(environment, 'policy', invalid.error);
  if (invalid.value.length > 0) {
    printFindings(environment, path, invalid.value);
    return EXIT.invalid;
  }
  const text = writeTree(tree);
  if (out === undefined) environment.stdout(text);
  else {
    const written = writeFileAtomic(out, text);
    if (!written.ok) return usageError(environment, 'policy', written.error);
  }
  warn(environment, path, findings);
  return EXIT.holds;
}

const FORMATS: readonly PolicyFormat[] = ['src', 'a', 'b'];

/** A policy in format B as it is written: its document, and its text. */
interface Written {
  readonly document: PolicyDocument;
  readonly text: string;
}

/** Adds the hashes of the files in a folder, and of what follows from the policy itself, to a policy in format B. */
async function withHashes(
  policy: PolicyInput,
  document: PolicyDocument,
  folder: string,
): Promise<Result<Written, readonly Finding[]>> {
  const { derivedFiles, folderFiles } = await import('../derived-files.ts');
  const given = folderFiles(folder);
  const derived = new Map(derivedFiles(document).files.map(({ name, bytes }) => [name, bytes]));
  const tree = parseTree(policy.bytes, policy.path);
  if (!tree.ok) return err([tree.error]);
  const file = (name: string): Uint8Array | undefined => given(name) ?? derived.get(name);
  const hashed = addMemoryHashes(tree.value, { file, sha256: sha256OfParts });
  if (!hashed.ok) return hashed;
  const parsed = readPolicy(toXmlDocument(hashed.value.tree));
  return parsed.ok ? ok({ document: parsed.value.document, text: writeTree(hashed.value.tree) }) : parsed;
}

/** Writes what the command line asks for beside the verdict. @returns the exit code of a failure, or nothing. */
async function writeOutputs(
  args: Arguments,
  environment: Environment,
  policy: PolicyInput,
): Promise<ExitCode | undefined> {
  const [out, folder, files] = ['out', 'derived', 'files'].map(name => args.texts.get(name));
  if (policy.document === undefined || (out === undefined && folder === undefined)) return undefined;
  const made: Result<Written, readonly Finding[]> =
    files === undefined
      ? ok({ document: policy.document, text: new TextDecoder().decode(policy.bytes) })
      : await withHashes(policy, policy.document, files);
  if (!made.ok) {
    printFindings(environment, policy.path, made.error);
    return EXIT.invalid;
  }
  const written: Result<unknown, string> = out === undefined ? ok(undefined) : writeFileAtomic(out, made.value.text);
  if (!written.ok) return usageError(environment, 'policy', written.error);
  if (folder === undefined) return undefined;
  // The generators are loaded only when they are asked for.
  const { derivedFiles, writeDerivedFiles } = await import('../derived-files.ts');
  const derived = derivedFiles(made.value.document);
  warn(environment, policy.path, derived.findings);
  const count = writeDerivedFiles(folder, derived.files);
  if (!count.ok) return usageError(environment, 'policy', count.error);
  environment.stderr(`${count.value} files in ${printable(folder)}\n`);
  return undefined;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const format = args.texts.get('format') ?? 'b';
  if (format === 'src' || format === 'a') return writeIntermediate(args, environment, format);
  const target = args.positionals[0] ?? '';
  const input = namesFile(target)
    ? readPolicyFile(target, args)
    : readPolicyInput(target, await environment.loadCatalogue(), args);
  if (!input.ok) return usageError(environment, 'policy', input.error);
  const policy = await withExtraFindings(args, input.value);
  if (!policy.ok) return usageError(environment, 'policy', policy.error);
  return finish(args, environment, policy.value);
}

/** Adds what the schema and the checks of files say, and which rules had nothing to look at. */
async function withExtraFindings(args: Arguments, policy: PolicyInput): Promise<Result<PolicyInput, string>> {
  const schema = args.texts.get('schema');
  const invalid = schema === undefined ? ok([]) : await checkSchema(policy.bytes, policy.path, schema);
  if (!invalid.ok) return invalid;
  const filed = withFiles(policy, args.texts.get('files'));
  if (!filed.ok) return filed;
  const { examined, valid } = filed.value;
  const notice = unexaminedNotice(examined);
  const findings = [...filed.value.findings, ...invalid.value, ...(notice === undefined ? [] : [notice])];
  return ok({ ...filed.value, findings, valid: valid && invalid.value.length === 0 });
}

async function finish(args: Arguments, environment: Environment, policy: PolicyInput): Promise<ExitCode> {
  const failed = await writeOutputs(args, environment, policy);
  if (failed !== undefined) return failed;
  if (args.flags.has('json')) environment.stdout(renderJson(policy));
  else {
    printFindings(environment, policy.path, policy.findings);
    const counts = Object.values(policy.examined);
    const objects = counts.reduce((sum, count) => sum + count, 0);
    const examined = policy.document === undefined ? '' : `; ${counts.length} rules examined ${objects} objects`;
    environment.stdout(
      `${printable(policy.path)}: ${policy.valid ? 'valid' : 'invalid'}: ${countFindings(policy.findings)}${examined}\n`,
    );
  }
  return policy.valid ? EXIT.holds : EXIT.invalid;
}

export const policyCommand: Command = {
  name: 'policy',
  summary: 'validate a policy of any format, or write it expanded (a) or allocated (b): findings with line and column',
  operands: '<policy.xml | scenario>',
  minOperands: 1,
  maxOperands: 1,
  options: [
    {
      name: 'format',
      kind: 'choice',
      choices: ['src', 'a', 'b'],
      help: 'src: write the source, merged, with components and all numbers; a: write it expanded; b: validate (default)',
    },
    { name: 'out', kind: 'text', placeholder: 'file', help: 'write the policy in that format there' },
    {
      name: 'derived',
      kind: 'text',
      placeholder: 'dir',
      help: 'write what follows from format B: bitmaps, sinfo, ACPI ...',
    },
    filesOption('checked to be there and to fit; their hashes go into --out and --derived'),
    {
      name: 'schema',
      kind: 'text',
      placeholder: 'dir|file.xsd',
      help: "validate the policy against Muen's schemas, or against one schema file, too",
    },
    ...SOURCE_OPTIONS,
    JSON_OPTION,
    ...COMMON_OPTIONS,
  ],
  examples: ['policy policy_b.xml', 'policy system_config.xml --include policy --out policy_b.xml'],
  run,
};
