import { INSTRUCTIONS, mnemonicOf } from '../../src/impl/x86/table.ts';
import { campaign, describeSnippet } from './host-campaign.ts';
import { buildHostCpu } from './host-oracle.ts';

/* Run by hand: npx tsx test/oracle/run-host-campaign.ts <snippets> <seed>. Prints counts by row and mismatches. */

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const host = buildHostCpu();
if ('reason' in host) {
  process.stderr.write(`skipped: ${host.reason}\n`);
} else {
  const result = campaign(host.path, seed, count, 20_000);
  for (const row of INSTRUCTIONS) {
    const snippets = result.byRow.get(row.id);
    if (snippets !== undefined)
      process.stdout.write(`${snippets}\t${row.encoding}\t${mnemonicOf(row, 2)} ${row.operandText}\n`);
  }
  for (const { snippet, differences } of result.mismatches) {
    process.stdout.write(`MISMATCH ${describeSnippet(snippet)}: ${differences.join('; ')}\n`);
  }
  for (const snippet of result.unrepeatable) process.stdout.write(`NOT REPEATED ${describeSnippet(snippet)}\n`);
  process.stdout.write(
    `${result.snippets} snippets, ${result.byRow.size} rows, ${result.mismatches.length} mismatches (seed ${seed})\n`,
  );
}
