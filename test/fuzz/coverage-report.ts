import type { FileCoverage } from './branch-coverage.ts';

/** What one part of a campaign did, for the report. */
export interface PartRow {
  readonly name: string;
  readonly meaning: string;
  readonly executions: number;
  readonly unit: string;
  readonly text: string;
  readonly findings: number;
}

/** What the report says about a campaign. */
export interface CoverageRun {
  readonly command: string;
  readonly commit: string;
  readonly seed: number;
  readonly parts: readonly PartRow[];
  readonly files: readonly FileCoverage[];
}

const percent = (covered: number, total: number): string =>
  total === 0 ? '' : `${((100 * covered) / total).toFixed(1)} %`;

/** Covered and all branches of the files whose path starts so. */
export function sums(
  files: readonly FileCoverage[],
  prefix: string,
): { readonly covered: number; readonly total: number } {
  const own = files.filter(({ path }) => path.startsWith(prefix));
  return {
    covered: own.reduce((sum, file) => sum + file.covered, 0),
    total: own.reduce((sum, file) => sum + file.total, 0),
  };
}

/** `12 if: true, 14 && short`: branches that never ran, by line. */
const uncoveredText = ({ uncovered }: FileCoverage): string =>
  uncovered.map(({ line, what }) => `${line} ${what.replaceAll('|', '\\|')}`).join(', ');

/** A report of a campaign as Markdown. */
export function coverageMarkdown(
  { command, commit, seed, parts, files }: CoverageRun,
  folders: readonly string[],
): string {
  const executions = parts.reduce((sum, part) => sum + part.executions, 0);
  const folderRows = [...folders, 'src/impl/'].map(folder => {
    const { covered, total } = sums(files, folder);
    const name = folder === 'src/impl/' ? 'both' : `\`${folder}\``;
    return `| ${name} | ${covered} | ${total} | ${percent(covered, total)} |`;
  });
  const partRows = parts.map(
    ({ name, meaning, executions: made, unit, text, findings }) =>
      `| ${name} | ${meaning} | ${made} ${unit} | ${text} | ${findings} |`,
  );
  const fileRows = files
    .filter(({ total }) => total > 0)
    .map(
      file =>
        `| ${file.path.slice('src/impl/'.length)} | ${file.covered} | ${file.total} | ${percent(file.covered, file.total)} | ${uncoveredText(file)} |`,
    );
  return `# Branch coverage of kernel and VMX code

Written by \`${command}\` at commit ${commit}, seed ${seed}: ${executions} executions in one process, nothing but generated inputs. What counts as a branch is
stated in test/fuzz/branch-coverage.ts: both ways of every \`if\` and conditional expression, both of every logical operator, every clause of a \`switch\`, by V8's block counters. Files
that no part of the campaign asks for are loaded and counted, too.

| folder | covered | branches | share |
|---|---|---|---|
${folderRows.join('\n')}

## Executions

| part | what is generated | executions | of them | findings |
|---|---|---|---|---|
${partRows.join('\n')}

## Files

With the branches that never ran, by line. They are of these kinds: answers of a processor, a policy or a table that a check before them has refused already (the checks of HostedVmx at
VMXON, whose conditions the start-up checks ask for; fallbacks of the compiler for references that the policy rules demand); watchdogs of a kernel with a seeded fault (boot, scheduler);
clauses that make a \`switch\` complete for the type checker; and inputs that this many executions did not happen to make.

| file | covered | branches | share | never ran |
|---|---|---|---|---|
${fileRows.join('\n')}
`;
}
