// `npm test`: type check, lint and tests, all of them even if one fails; the last line is "N passed, N failed".
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Runs a tool of node_modules by its own file, so that no shell and no npx is in between. */
function run(title, tool, args) {
  console.log(`\n== ${title}`);
  const { status } = spawnSync(process.execPath, [join(ROOT, 'node_modules', tool), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status === 0 && !tool.startsWith('vitest')) console.log('no problems');
  return status === 0;
}

/** Totals from vitest's own report; a run without a report has failed. */
function readTotals(file) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(file, 'utf8'),
    );
    // A file that cannot be loaded has no test that failed, and counts as one failure.
    const broken = testResults.filter(
      result => result.status === 'failed' && !result.assertionResults.some(test => test.status === 'failed'),
    );
    return {
      passed: numPassedTests,
      failed: numFailedTests + broken.length,
      skipped: numPendingTests + numTodoTests,
      groups: skippedGroups(testResults),
    };
  } catch (cause) {
    console.log(`vitest wrote no report: ${cause.message}`);
    return { passed: 0, failed: 1, skipped: 0, groups: [] };
  }
}

/** Titles of the outermost groups of skipped tests: they say what is missing. */
function skippedGroups(testResults) {
  const counts = new Map();
  for (const { status, ancestorTitles, title } of testResults.flatMap(result => result.assertionResults)) {
    if (status === 'passed' || status === 'failed') continue;
    const group = ancestorTitles[0] ?? title;
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return [...counts].map(([group, count]) => `${count}  ${group}`);
}

const folder = mkdtempSync(join(tmpdir(), 'muencheck-totals-'));
const totalsFile = join(folder, 'vitest.json');
const typesAreRight = run('types (tsc)', 'typescript/bin/tsc', ['--noEmit']);
// The summary names files and rules; `npx biome check <file>` shows the lines.
const lintIsClean = run('lint and format (biome)', '@biomejs/biome/bin/biome', ['check', '--reporter=summary', '.']);
const testsPass = run('tests (vitest)', 'vitest/vitest.mjs', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${totalsFile}`,
  ...process.argv.slice(2),
]);
const { passed, failed, skipped, groups } = readTotals(totalsFile);
rmSync(folder, { recursive: true, force: true });

const failedTools = [typesAreRight, lintIsClean].filter(isRight => !isRight).length;
// A problem outside of any test, such as an unhandled rejection, fails the run too.
const unexplained = !testsPass && failed === 0 ? 1 : 0;
const failures = failed + failedTools + unexplained;
if (skipped > 0) console.log(`\nskipped tests: ${skipped}\n${groups.map(group => `  ${group}`).join('\n')}`);
console.log(`\ntypes ${typesAreRight ? 'ok' : 'FAILED'}, lint ${lintIsClean ? 'ok' : 'FAILED'}`);
console.log(`${passed} passed, ${failures} failed`);
process.exit(passed > 0 && failures === 0 ? 0 : 1);
