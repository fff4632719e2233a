import { traceFileName } from '../../engine/counterexample.ts';
import type { CheckResult } from '../../engine/run.ts';
import type { VerdictWord } from '../../engine/verdict.ts';
import { elapsedMs, nowMs } from '../../host/clock.ts';
import { joinPath, readFileLimited, writeFileAtomic } from '../../host/files.ts';
import { MODELS } from '../../model/index.ts';
import type { Finding } from '../../policy/finding.ts';
import { type Baseline, compareWithBaseline, readBaseline } from '../../report/baseline.ts';
import type { ReportInput } from '../../report/check-report.ts';
import { REPORTERS } from '../../report/registry.ts';
import { printable } from '../../units/printable.ts';
import { err, ok, type Result } from '../../units/result.ts';
import { type ClaimsInput, claimFindings, readClaimsFile } from '../claims-input.ts';
import type { Command, Environment } from '../command.ts';
import type { ContextSpec } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { filesOption, withFiles } from '../files-input.ts';
import { internalErrors, usageError } from '../messages.ts';
import { type Arguments, COMMON_OPTIONS, JSON_OPTION, RUN_OPTIONS } from '../options.ts';
import { type PolicyInput, readPolicyInput } from '../policy-input.ts';
import { reporterTargets, writeReportFolder, writeReports } from '../report-output.ts';
import { runLimits, selectedProperties, sessionOptions } from '../run-options.ts';
import { Session } from '../session.ts';
import { programName, shellWord } from '../shell.ts';
import { SOURCE_OPTIONS } from '../source-input.ts';
import { systemPicture } from '../system-picture.ts';
import { readTables, type TablesInput, unknownTables } from '../tables-input.ts';
import { NO_RESULT, toReport } from '../to-report.ts';

const DEFAULT_FOLDER = 'muencheck-report';
/** What a policy is compared with besides the properties. */
interface MoreInputs {
  readonly tables?: TablesInput;
  readonly claims?: ClaimsInput;
}

/** Context of a valid policy without a fault. */
export function contextSpec(policy: PolicyInput, args: Arguments, inputs: MoreInputs = {}): ContextSpec {
  const { tables, claims } = inputs;
  return {
    policyBytes: policy.bytes,
    policyPath: policy.builtFrom === undefined ? policy.path : builtPath(args.texts.get('out') ?? DEFAULT_FOLDER),
    policySha256: policy.digest,
    software: policy.software,
    ...(policy.files === undefined ? {} : { files: policy.files }),
    ...runLimits(args),
    ...(tables === undefined ? {} : { tables: tables.spec }),
    ...(claims === undefined ? {} : { claims: claims.spec }),
  };
}

function loadBaseline(path: string | undefined): Result<Baseline | undefined, string> {
  if (path === undefined) return ok(undefined);
  const bytes = readFileLimited(path);
  if (!bytes.ok) return bytes;
  const baseline = readBaseline(new TextDecoder().decode(bytes.value));
  if (baseline.ok) return baseline;
  const [problem] = baseline.error;
  return err(
    `${path} is not a report of \`check --json\`: ${problem?.path ?? '$'}: ${problem?.message ?? 'not valid'}`,
  );
}

function loadMore(args: Arguments): Result<MoreInputs, string> {
  const folders = args.lists.get('tables') ?? [];
  const tables = folders.length === 0 ? ok(undefined) : readTables(folders);
  if (!tables.ok) return tables;
  const path = args.texts.get('claims');
  const claims = path === undefined ? ok(undefined) : readClaimsFile(path);
  if (!claims.ok) return claims;
  return ok({
    ...(tables.value === undefined ? {} : { tables: tables.value }),
    ...(claims.value === undefined ? {} : { claims: claims.value }),
  });
}

const moreFindings = ({ document }: PolicyInput, { tables, claims }: MoreInputs): readonly Finding[] =>
  document === undefined
    ? []
    : [
        ...(tables === undefined ? [] : [...tables.findings, ...unknownTables(document, tables.files)]),
        ...(claims === undefined ? [] : claimFindings(claims.claims, document)),
      ];

/** Place of the policy that properties are checked on, when the toolchain made it. */
const builtPath = (folder: string): string => joinPath(folder, 'policy_b.xml');

/** Keeps a policy that was brought to format B here: counterexamples name lines of it. */
function saveBuilt(policy: PolicyInput, folder: string, environment: Environment): Result<void, string> {
  if (policy.builtFrom === undefined || !policy.valid) return ok(undefined);
  const written = writeFileAtomic(builtPath(folder), policy.bytes);
  if (!written.ok) return written;
  environment.stderr(`format B in ${printable(builtPath(folder))}: lines of counterexamples are those of that file\n`);
  return ok(undefined);
}

/** Exit code of a finished check. */
export function exitCodeOf(verdict: VerdictWord): ExitCode {
  if (verdict === 'refuted') return EXIT.refuted;
  return verdict === 'inconclusive' || verdict === 'vacuous' ? EXIT.open : EXIT.holds;
}

async function runCheck(
  policy: PolicyInput,
  properties: Parameters<Session['check']>[1],
  args: Arguments,
  environment: Environment,
  inputs: MoreInputs,
): Promise<CheckResult> {
  const session = new Session(environment, await environment.loadCatalogue(), sessionOptions(args));
  try {
    return await session.check(contextSpec(policy, args, inputs), properties, '');
  } finally {
    await session.close();
  }
}

function conclude(policy: PolicyInput, result: CheckResult, args: Arguments, environment: Environment): ExitCode {
  if (result.errors.length > 0) return internalErrors(environment, result.errors, args.flags.has('verbose'));
  if (environment.interrupt.requested()) return EXIT.interrupted;
  return policy.valid ? exitCodeOf(result.verdict) : EXIT.invalid;
}

async function run(args: Arguments, environment: Environment): Promise<ExitCode> {
  const startMs = nowMs();
  const targets = reporterTargets(args);
  if (!targets.ok) return usageError(environment, 'check', targets.error);
  const baseline = loadBaseline(args.texts.get('baseline'));
  if (!baseline.ok) return usageError(environment, 'check', baseline.error);
  const catalogue = await environment.loadCatalogue();
  const properties = selectedProperties(args, catalogue.properties);
  if (!properties.ok) return usageError(environment, 'check', properties.error);
  const input = readPolicyInput(args.positionals[0] ?? catalogue.defaultScenario, catalogue, args);
  if (!input.ok) return usageError(environment, 'check', input.error);
  const folder = args.texts.get('out') ?? DEFAULT_FOLDER;
  const filed = withFiles(input.value, args.texts.get('files'));
  if (!filed.ok) return usageError(environment, 'check', filed.error);
  const policy = filed.value;
  const saved = saveBuilt(policy, folder, environment);
  if (!saved.ok) return usageError(environment, 'check', saved.error);
  const inputs = loadMore(args);
  if (!inputs.ok) return usageError(environment, 'check', inputs.error);
  const policyMs = elapsedMs(startMs);
  if (args.positionals[0] === undefined && !args.flags.has('quiet'))
    environment.stderr(`no policy named: checking the scenario ${catalogue.defaultScenario}\n`);
  const result = policy.valid ? await runCheck(policy, properties.value, args, environment, inputs.value) : NO_RESULT;
  const times = { policyMs, checkMs: elapsedMs(startMs + policyMs), totalMs: elapsedMs(startMs) };
  const report = toReport(
    environment.version,
    policy,
    runLimits(args).seed,
    result,
    times,
    moreFindings(policy, inputs.value),
  );
  const reportInput: ReportInput = {
    report,
    policyText: new TextDecoder().decode(policy.bytes),
    replayCommand: property =>
      `${programName(environment.env)} replay ${printable(shellWord(joinPath(folder, traceFileName(property))))}`,
    ...(policy.document === undefined || !policy.valid ? {} : { system: systemPicture(policy.document) }),
    ...(baseline.value === undefined ? {} : { changes: compareWithBaseline(baseline.value, report) }),
  };
  const written = writeReports(targets.value, reportInput, environment);
  if (!written.ok) return usageError(environment, 'check', written.error);
  const reported = writeReportFolder(folder, reportInput);
  if (!reported.ok) return usageError(environment, 'check', reported.error);
  if (!args.flags.has('quiet'))
    environment.stderr(
      `report in ${printable(joinPath(folder, 'report.html'))}, ${(times.totalMs / 1000).toFixed(1)} s\n`,
    );
  if (!args.flags.has('quiet') && policy.valid && !args.lists.has('property'))
    environment.stderr(furtherProofs(programName(environment.env), args.positionals[0] ?? catalogue.defaultScenario));
  return conclude(policy, result, args, environment);
}

/** What a check does not do and another command does: proofs for runs of any length. */
function furtherProofs(program: string, target: string): string {
  const proved = MODELS.filter(({ proofs = [] }) => proofs.length > 0).map(({ id }) => id);
  const policy = printable(shellWord(target));
  return [
    `runs of any length, by induction with z3: ${program} explore ${proved.join('|')} --induction`,
    `all runs of this policy's abstract system: ${program} explore ${policy} --unwinding, or --liveness`,
    '',
  ].join('\n');
}

export const checkCommand: Command = {
  name: 'check',
  summary: 'compile and validate a policy, run all applicable properties, print the verdict table',
  operands: '[policy.xml | scenario]',
  minOperands: 0,
  maxOperands: 1,
  options: [
    ...RUN_OPTIONS,
    { name: 'out', kind: 'text', placeholder: 'dir', help: `report folder (default ${DEFAULT_FOLDER})` },
    {
      name: 'reporter',
      kind: 'list',
      placeholder: 'name[:file]',
      help: `${REPORTERS.map(reporter => reporter.name).join(', ')}; repeatable`,
    },
    {
      name: 'tables',
      kind: 'list',
      placeholder: 'dir',
      help: 'also check the tables that your toolchain generated (vt_pt, vt_iobm, vtd_root ..., raw or .gz); repeatable',
    },
    {
      name: 'claims',
      kind: 'text',
      placeholder: 'file',
      help: 'check the flows against this JSON file: noFlow, onlyVia, labels, levels, allow',
    },
    { name: 'baseline', kind: 'text', placeholder: 'old.json', help: 'say what changed since an earlier report' },
    filesOption('subjects run them'),
    { ...JSON_OPTION, help: 'print the report as JSON (same as --reporter json)' },
    ...SOURCE_OPTIONS,
    ...COMMON_OPTIONS,
  ],
  examples: ['check', "check policy.xml --property 'isolation/*' --reporter junit:results.xml"],
  run,
};
