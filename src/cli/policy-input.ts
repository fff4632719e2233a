import { relative } from 'node:path';
import type { ScenarioSoftware } from '../engine/property.ts';
import { fileExists, readFileLimited, readFileStart } from '../host/files.ts';
import { checkPolicy } from '../policy/check.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { parsePolicy } from '../policy/parse.ts';
import { XML_LIMITS } from '../policy/xml.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Catalogue, ScenarioInfo } from './catalogue.ts';
import { policyDigest } from './context.ts';
import { suggestion } from './nearest.ts';

/** A policy file that was read, valid or not. */
export interface PolicyInput {
  /** Path as reports show it. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly software: readonly ScenarioSoftware[];
  /** Absent when the file is not a readable policy. */
  readonly document?: PolicyDocument;
  readonly findings: readonly Finding[];
  /** Number of things that each policy rule looked at, by its code; empty when the file is not a readable policy. */
  readonly examined: Readonly<Record<string, number>>;
  /** True when no finding is an error. */
  readonly valid: boolean;
}

const looksLikePath = (target: string): boolean => /[/\\]|\.xml(\.b)?$/.test(target);

function findScenario(target: string, catalogue: Catalogue): Result<ScenarioInfo, string> {
  const scenario = catalogue.scenarios.find(candidate => candidate.name === target);
  if (scenario !== undefined) return ok(scenario);
  const names = catalogue.scenarios.map(candidate => candidate.name);
  return err(
    `no policy file and no scenario is called "${target}".${suggestion(target, names)} \`muencheck list scenarios\` shows all.`,
  );
}

/** Parses and validates a policy. */
export function examinePolicy(path: string, bytes: Uint8Array, software: readonly ScenarioSoftware[]): PolicyInput {
  const base = { path, bytes, digest: policyDigest(bytes), software };
  const parsed = parsePolicy(bytes);
  if (!parsed.ok) return { ...base, findings: parsed.error, examined: {}, valid: false };
  const { document } = parsed.value;
  const checked = checkPolicy(document);
  const findings = [...parsed.value.findings, ...checked.findings];
  return {
    ...base,
    document,
    findings,
    examined: checked.examined,
    valid: findings.every(finding => finding.severity !== 'error'),
  };
}

/**
 * Reads the policy that a command line names: a path, or the name of a scenario.
 *
 * The error is a usage error: there is no such thing to read.
 */
export function readPolicyInput(target: string, catalogue: Catalogue): Result<PolicyInput, string> {
  if (looksLikePath(target) || fileExists(target)) {
    // A file beyond the parser's limit is read just far enough for the parser to say so.
    const bytes = readFileStart(target, XML_LIMITS.maxBytes);
    return bytes.ok ? ok(examinePolicy(target, bytes.value, [])) : err(bytes.error);
  }
  const scenario = findScenario(target, catalogue);
  if (!scenario.ok) return scenario;
  const bytes = readFileLimited(scenario.value.policyFile);
  if (!bytes.ok) return err(bytes.error);
  return ok(examinePolicy(relative('', scenario.value.policyFile), bytes.value, scenario.value.software));
}
