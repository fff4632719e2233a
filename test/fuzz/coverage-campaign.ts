import { readdirSync } from 'node:fs';
import { BranchCoverage } from './branch-coverage.ts';

/*
 * Branch coverage of kernel and VMX code by a fuzzing campaign with a fixed number of executions.
 * Run by hand: npx tsx test/fuzz/coverage-campaign.ts [percent of the usual executions] [list]
 */

const FOLDERS = ['src/impl/muen/', 'src/impl/vmx/'];
const SEED = 1;
const [percent = '100', list = ''] = process.argv.slice(2);
const coverage = new BranchCoverage();
await coverage.start();
// What is counted is loaded from here on.
const { PARTS } = await import('./coverage-parts.ts');
const root = new URL('../../', import.meta.url);
// Also files that no part asks for: what never runs counts as such.
for (const folder of FOLDERS)
  for (const file of readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).sort())
    if (file.endsWith('.ts')) await import(new URL(`${folder}${file}`, root).href);

let total = 0;
for (const { name, unit, usual, run } of PARTS) {
  const startMs = Date.now();
  const wanted = Math.ceil((usual * Number(percent)) / 100);
  const { executions, findings, text } = run(SEED, wanted);
  total += executions;
  console.log(
    `${name}: ${executions} ${unit} in ${((Date.now() - startMs) / 1000).toFixed(0)} s; ${text}; findings: ${findings.join('; ') || 'none'}`,
  );
}
const files = await coverage.take(root, FOLDERS);
for (const { path, covered, total: all, uncovered } of files) {
  console.log(`${String(covered).padStart(4)} of ${String(all).padStart(4)}  ${path}`);
  if (list !== '') for (const { line, what } of uncovered) console.log(`              line ${line}: ${what}`);
}
for (const folder of [...FOLDERS, 'src/impl/']) {
  const own = files.filter(({ path }) => path.startsWith(folder));
  const covered = own.reduce((sum, file) => sum + file.covered, 0);
  const all = own.reduce((sum, file) => sum + file.total, 0);
  const name = folder === 'src/impl/' ? 'both' : folder;
  console.log(`${name}: ${covered} of ${all} branches, ${((100 * covered) / all).toFixed(1)} %`);
}
console.log(`${total} executions`);
process.exit(0);
