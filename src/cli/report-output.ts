import { traceFileName } from '../engine/counterexample.ts';
import { appendToFile, joinPath, removeFile, writeFileAtomic } from '../host/files.ts';
import type { ReportInput } from '../report/check-report.ts';
import { markdownSummary } from '../report/github.ts';
import { htmlReporter } from '../report/html.ts';
import { jsonReporter } from '../report/json.ts';
import { REPORTERS } from '../report/registry.ts';
import type { Reporter } from '../report/reporter.ts';
import { textReporter } from '../report/text.ts';
import { writeTrace } from '../trace/read.ts';
import { suggestion } from '../units/nearest.ts';
import { plainPaint } from '../units/paint.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Environment } from './command.ts';
import type { Arguments } from './options.ts';

/** A reporter and where its output goes; no file means stdout. */
export interface ReporterTarget {
  readonly reporter: Reporter;
  readonly file?: string;
}

/** Reads `--reporter name[:file]` and `--json`; the text report goes to stdout when nothing else does. */
export function reporterTargets(args: Arguments): Result<readonly ReporterTarget[], string> {
  const names = [...(args.flags.has('json') ? ['json'] : []), ...(args.lists.get('reporter') ?? [])];
  const targets: ReporterTarget[] = [];
  for (const text of names) {
    const colon = text.indexOf(':');
    const name = colon < 0 ? text : text.slice(0, colon);
    const reporter = REPORTERS.find(candidate => candidate.name === name);
    const known = REPORTERS.map(candidate => candidate.name);
    if (reporter === undefined)
      return err(`unknown reporter "${name}".${suggestion(name, known)} There are ${known.join(', ')}.`);
    if (colon >= 0 && colon === text.length - 1) return err(`--reporter ${text} names no file`);
    targets.push(colon < 0 ? { reporter } : { reporter, file: text.slice(colon + 1) });
  }
  const onStdout = targets.filter(target => target.file === undefined);
  if (onStdout.length > 1)
    return err(
      `only one reporter can write to stdout; give ${onStdout.map(target => target.reporter.name).join(', ')} a file: --reporter name:file`,
    );
  return ok(onStdout.length === 1 ? targets : [{ reporter: textReporter }, ...targets]);
}

/** Writes the report folder: report.json, report.html, report.txt and one trace file per counterexample. */
export function writeReportFolder(folder: string, input: ReportInput): Result<string, string> {
  const files: readonly (readonly [string, string])[] = [
    ['report.json', jsonReporter.render(input, plainPaint)],
    ['report.html', htmlReporter.render(input, plainPaint)],
    ['report.txt', textReporter.render(input, plainPaint)],
  ];
  for (const [name, content] of files) {
    const written = writeFileAtomic(joinPath(folder, name), content);
    if (!written.ok) return written;
  }
  for (const property of input.report.properties) {
    const path = joinPath(folder, traceFileName(property.id));
    if (property.counterexample === undefined) {
      // A counterexample of an earlier run must not outlive the verdict it belonged to.
      removeFile(path);
      continue;
    }
    const written = writeFileAtomic(path, writeTrace(property.counterexample));
    if (!written.ok) return written;
  }
  return ok(folder);
}

/** Sends a report to all targets; the error is one sentence about a file. */
export function writeReports(
  targets: readonly ReporterTarget[],
  input: ReportInput,
  environment: Environment,
): Result<null, string> {
  for (const { reporter, file } of targets) {
    if (file === undefined) environment.stdout(reporter.render(input, environment.paint));
    else {
      const written = writeFileAtomic(file, reporter.render(input, plainPaint));
      if (!written.ok) return written;
    }
    const summaryFile = environment.env.GITHUB_STEP_SUMMARY ?? '';
    if (reporter.name === 'github' && summaryFile !== '') {
      const appended = appendToFile(summaryFile, markdownSummary(input));
      if (!appended.ok) return appended;
    }
  }
  return ok(null);
}
