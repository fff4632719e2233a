import { BranchCoverage } from './branch-coverage.ts';

/*
 * Branch coverage of kernel and VMX code by a fuzzing campaign with a fixed number of executions.
 * Run by hand: npx tsx test/fuzz/coverage-campaign.ts [executions per system and target] [VMCS images] [boots] [list]
 */

const FOLDERS = ['src/impl/muen/', 'src/impl/vmx/'];
const SYSTEMS = ['machine-code', 'device-domains', 'log-proxy'] as const;
const SEED = 1;

const [executions = '4096', images = '1024', boots = '3000', list = ''] = process.argv.slice(2);
const coverage = new BranchCoverage();
await coverage.start();
// What is counted is loaded from here on.
const { existsSync, readdirSync, readFileSync } = await import('node:fs');
const { findScenario } = await import('../../scenarios/index.ts');
const { Campaign } = await import('../../src/fuzz/campaign.ts');
const { TARGET_OF, targetOf } = await import('./executions-to-kill.ts');
const { recordedCases, runImage } = await import('./vmcs-campaign.ts');
const { bootMutated } = await import('./boot-campaign.ts');

let total = 0;
for (const system of SYSTEMS) {
  const target = targetOf(system);
  for (const strategy of ['coverage-guided', 'recorded'] as const) {
    const campaign = new Campaign({ target: TARGET_OF[strategy], strategy, seed: SEED }, target.attackers);
    while (campaign.executions < Number(executions))
      for (const input of campaign.nextRound()) campaign.merge(input, target.execute(input));
    total += campaign.executions;
    const findings = [...campaign.findings.values()].map(({ what }) => what).join('; ');
    console.log(
      `${system}, ${strategy}: ${campaign.executions} executions, ${campaign.kernelSteps} VM exits, findings: ${findings || 'none'}`,
    );
  }
}
const seeds = recordedCases();
let reported = 0;
let cases = 0;
for (let image = 0; image < Number(images); image++) {
  const result = runImage(SEED, image, seeds, image % 16 === 0);
  if (result.failure !== '') console.log(`x  ${result.failure}`);
  cases += result.cases;
  reported += result.reported;
}
total += cases;
console.log(`VMCSs: ${cases} cases, ${reported} reported by the hypervisor`);
const texts = ['machine-code', 'device-domains', 'log-proxy', 'log-channel', 'genode-log'].map(id => {
  const scenario = findScenario(id);
  if (!scenario.ok || scenario.value === undefined) throw new Error(id);
  return readFileSync(scenario.value.policyPath, 'utf8');
});
// Real policies, where they are: small ones, and one that the real toolchain made of a whole system.
const golden = new URL('../../../shared/golden/', import.meta.url);
if (existsSync(golden)) {
  for (const folder of ['hand', 'systems'])
    for (const name of readdirSync(new URL(`${folder}/`, golden)).sort()) {
      const path = new URL(`${folder}/${name}/policy_b.xml`, golden);
      if (existsSync(path)) texts.push(readFileSync(path, 'utf8'));
    }
}
const outcomes: Record<string, number> = {};
for (let boot = 0; boot < Number(boots); boot++) {
  const outcome = bootMutated(SEED, boot, texts);
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
}
total += Number(boots);
console.log(`boots: ${JSON.stringify(outcomes)}`);
const files = await coverage.take(new URL('../../', import.meta.url), FOLDERS);
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
