import { performance } from 'node:perf_hooks';
import { PROFILES } from '../impl/vmx/cases/profiles.ts';
import { GARBAGE_MODES } from './garbage.ts';
import { guestDigest, rootDigest } from './garbage-campaign.ts';

/* Run by hand: npx tsx test/oracle/run-garbage-campaign.ts <programs> <seed>. Spreads the programs over all modes in and outside of VMX. */

const total = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const root = GARBAGE_MODES.flatMap(mode => ([0, 3] as const).map(cpl => ({ mode, cpl })));
const each = Math.ceil(total / (root.length + PROFILES.length));
const start = performance.now();
const report = (name: string, digest: number): void => {
  process.stdout.write(`${name}\t${each} programs\tdigest ${digest.toString(16)}\n`);
};
for (const { mode, cpl } of root) report(`${mode}, CPL ${cpl}`, rootDigest(mode, cpl, seed, each));
for (const { name } of PROFILES) report(`non-root, ${name}`, guestDigest(name, seed, each));
process.stdout.write(
  `${each * (root.length + PROFILES.length)} programs in ${((performance.now() - start) / 1000).toFixed(0)} s (seed ${seed})\n`,
);
