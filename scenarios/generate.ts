import { writeFileSync } from 'node:fs';
import { description as deviceDomains } from './device-domains/description.ts';
import { description as genodeDistributed } from './genode-distributed/description.ts';
import { description as genodeLog } from './genode-log/description.ts';
import { description as linuxVm } from './linux-vm/description.ts';
import { description as logChannel } from './log-channel/description.ts';
import { description as logProxy } from './log-proxy/description.ts';
import { description as machineCode } from './machine-code/description.ts';
import type { PolicyDescription } from './policy-description.ts';
import { writePolicy } from './policy-writer.ts';
import { description as twoSubjects } from './two-subjects/description.ts';

/** Scenarios whose policy is generated, by folder name. */
export const DESCRIPTIONS: Readonly<Record<string, PolicyDescription>> = {
  'two-subjects': twoSubjects,
  'log-channel': logChannel,
  'log-proxy': logProxy,
  'genode-log': genodeLog,
  'genode-distributed': genodeDistributed,
  'device-domains': deviceDomains,
  'machine-code': machineCode,
  'linux-vm': linuxVm,
};

/** Writes every scenario's policy.xml; run by `npx tsx scenarios/generate.ts`. */
export function generateAll(): void {
  for (const [id, description] of Object.entries(DESCRIPTIONS)) {
    writeFileSync(new URL(`./${id}/policy.xml`, import.meta.url), writePolicy(description));
  }
}

if (process.argv[1]?.endsWith('generate.ts') === true) generateAll();
