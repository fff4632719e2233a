import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { BranchCoverage } from './branch-coverage.ts';
import { coverageMarkdown, type PartRow, sums } from './coverage-report.ts';

/*
 * Branch coverage of kernel and VMX code by a fuzzing campaign with a fixed number of executions.
 * Run by hand: npx tsx test/fuzz/coverage-campaign.ts [percent of the usual executions] [file for a report]
 */

const FOLDERS = ['src/impl/muen/', 'src/impl/vmx/'];
const SEED = 1;
const [percent = '100', output = ''] = process.argv.slice(2);
const coverage = new BranchCoverage();
await coverage.start();
// What is counted is loaded from here on.
const { PARTS } = await import('./coverage-parts.ts');
const root = new URL('../../', import.meta.url);
// Also files that no part asks for: what never runs counts as such.
for (const folder of FOLDERS)
  for (const file of readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).sort())
    if (file.endsWith('.ts')) await import(new URL(`${folder}${file}`, root).href);

const parts: PartRow[] = [];
for (const { name, meaning, unit, usual, run } of PARTS) {
  const startMs = Date.now();
  const { executions, findings, text } = run(SEED, Math.ceil((usual * Number(percent)) / 100));
  parts.push({ name, meaning, executions, unit, text, findings: findings.length });
  const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
  console.log(`${name}: ${executions} ${unit} in ${seconds} s; ${text}; findings: ${findings.join('; ') || 'none'}`);
}
const files = await coverage.take(root, FOLDERS);
for (const { path, covered, total, uncovered } of files) {
  console.log(`${String(covered).padStart(4)} of ${String(total).padStart(4)}  ${path}`);
  for (const { line, what } of uncovered) console.log(`              line ${line}: ${what}`);
}
for (const folder of [...FOLDERS, 'src/impl/']) {
  const { covered, total } = sums(files, folder);
  const name = folder === 'src/impl/' ? 'both' : folder;
  console.log(`${name}: ${covered} of ${total} branches, ${((100 * covered) / total).toFixed(1)} %`);
}
console.log(`${parts.reduce((sum, { executions }) => sum + executions, 0)} executions`);
if (output !== '') {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const command = `npx tsx test/fuzz/coverage-campaign.ts ${percent} ${output}`;
  writeFileSync(output, coverageMarkdown({ command, commit, seed: SEED, parts, files }, FOLDERS));
}
process.exit(0);
