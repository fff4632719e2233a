import { BranchCoverage } from '../branch-coverage.ts';

/* Counts the branches of decisions.ts that two calls take, and prints them. Run by branch-coverage.test.ts in a process of its own. */

const coverage = new BranchCoverage();
await coverage.start();
const { decide } = await import('./decisions.ts');
const answers = [decide(11), decide(3), decide(1, 2)];
const files = await coverage.take(new URL('./', import.meta.url), ['decisions.ts']);
console.log(JSON.stringify({ answers, files }));
process.exit(0);
