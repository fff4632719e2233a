import { fileSize, joinPath, listFolder } from '../host/files.ts';
import { checkFiles } from '../policy/library/library-rules.ts';
import { parseXml } from '../policy/xml.ts';
import { err, ok, type Result } from '../units/result.ts';
import { derivedFiles } from './derived-files.ts';
import type { OptionSpec } from './options.ts';
import type { PolicyInput } from './policy-input.ts';

/** Option of the commands that look at component binaries. */
export const filesOption = (more: string): OptionSpec => ({
  name: 'files',
  kind: 'text',
  placeholder: 'dir',
  help: `component binaries: check that they are there and fit into their regions${more}`,
});

/**
 * Adds what the checks of files say of a folder with the files that memory regions name; what follows from the policy
 * itself counts as given. The error is a usage error.
 */
export function withFileFindings(policy: PolicyInput, folder: string | undefined): Result<PolicyInput, string> {
  if (folder === undefined || policy.document === undefined) return ok(policy);
  const given = new Set(listFolder(folder));
  if (given.size === 0) return err(`--files ${folder}: there is no such folder, or it is empty`);
  const root = policy.root ?? rootOf(policy.bytes);
  if (root === undefined) return ok(policy);
  const derived = policy.valid ? derivedFiles(policy.document).files : [];
  const derivedBytes = new Map(derived.map(({ name, bytes }) => [name, bytes.length]));
  const fileBytes = (name: string): number | undefined =>
    (given.has(name) ? fileSize(joinPath(folder, name)) : undefined) ?? derivedBytes.get(name);
  const outcomes = checkFiles(root, { fileBytes });
  const findings = [...policy.findings, ...outcomes.flatMap(outcome => outcome.findings)];
  const examined = Object.fromEntries(outcomes.map(outcome => [outcome.code, outcome.examined]));
  return ok({
    ...policy,
    findings,
    examined: { ...policy.examined, ...examined },
    valid: findings.every(({ severity }) => severity !== 'error'),
  });
}

function rootOf(bytes: Uint8Array): PolicyInput['root'] {
  const parsed = parseXml(bytes);
  return parsed.ok ? parsed.value.root : undefined;
}
