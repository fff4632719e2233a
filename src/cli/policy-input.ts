import { relative } from 'node:path';
import type { ScenarioSoftware } from '../engine/property.ts';
import { fileExists, readFileLimited, readFileStart, sha256Hex } from '../host/files.ts';
import { checkPolicy } from '../policy/check.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import { type ParsedPolicy, parsePolicy, readPolicy } from '../policy/parse.ts';
import { toXmlDocument } from '../policy/tree.ts';
import { writeTree } from '../policy/tree-write.ts';
import { XML_LIMITS, type XmlElement } from '../policy/xml.ts';
import { suggestion } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Catalogue, ScenarioInfo } from './catalogue.ts';
import type { FilesSpec } from './files-input.ts';
import type { Arguments } from './options.ts';
import { buildPolicy, type PolicyBuild } from './policy-build.ts';
import { namesSource } from './source-input.ts';

/** A policy file that was read, valid or not. */
export interface PolicyInput {
  /** Path as reports show it. */
  readonly path: string;
  /** The policy in format B: the file itself, or what the toolchain made of it. */
  readonly bytes: Uint8Array;
  /** Format of the file when the toolchain brought it to format B. */
  readonly builtFrom?: 'src' | 'a';
  /** The tree, with the places of the files that it was put together from. */
  readonly root?: XmlElement;
  readonly digest: string;
  readonly software: readonly ScenarioSoftware[];
  /** Component binaries that the command line names. */
  readonly files?: FilesSpec;
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
  return examine({ path, bytes, digest: sha256Hex(bytes), software }, parsePolicy(bytes), []);
}

/** Validates a policy that was parsed; `before` are findings of the tools before that. */
function examine(
  base: Pick<PolicyInput, 'path' | 'bytes' | 'digest' | 'software' | 'builtFrom' | 'root'>,
  parsed: Result<ParsedPolicy, readonly Finding[]>,
  before: readonly Finding[],
): PolicyInput {
  if (!parsed.ok) return { ...base, findings: [...before, ...parsed.error], examined: {}, valid: false };
  const { document } = parsed.value;
  const checked = checkPolicy(document);
  const findings = [...before, ...parsed.value.findings, ...checked.findings];
  return {
    ...base,
    document,
    findings,
    examined: checked.examined,
    valid: findings.every(finding => finding.severity !== 'error'),
  };
}

/** A policy that was put together, expanded or allocated here; its findings name the files that it came from. */
export function examineBuilt(path: string, { tree, from, findings }: PolicyBuild): PolicyInput {
  const bytes = new TextEncoder().encode(writeTree(tree));
  const origin = from === 'b' ? {} : { builtFrom: from };
  const base = { path, bytes, root: tree.root, digest: sha256Hex(bytes), software: [], ...origin };
  return examine(base, readPolicy(toXmlDocument(tree)), findings);
}

/** Problems of a file that say it is a policy in another format: the toolchain can bring it to format B. */
const OTHER_FORMAT: ReadonlySet<string> = new Set(['POL-FORMAT', 'XML-NAMESPACE']);

/** True when a command line names a file with `target`, and no scenario. */
export const namesFile = (target: string): boolean => looksLikePath(target) || fileExists(target);

/** Reads the policy of a file; with `args` one in another format is brought to format B. */
export function readPolicyFile(target: string, args: Arguments | undefined): Result<PolicyInput, string> {
  // A file beyond the parser's limit is read just far enough for the parser to say so.
  const bytes = readFileStart(target, XML_LIMITS.maxBytes);
  if (!bytes.ok) return err(bytes.error);
  const asGiven = (): PolicyInput => examinePolicy(target, bytes.value, []);
  if (args === undefined || !namesSource(args)) {
    const given = asGiven();
    if (given.document !== undefined || args === undefined) return ok(given);
    if (!given.findings.some(({ code }) => OTHER_FORMAT.has(code))) return ok(given);
  }
  const built = buildPolicy(target, args, 'b');
  if (built.ok) return ok(examineBuilt(target, built.value));
  if (built.error.kind === 'unreadable') return err(built.error.message);
  const { findings } = built.error;
  return ok({
    path: target,
    bytes: bytes.value,
    digest: sha256Hex(bytes.value),
    software: [],
    findings,
    examined: {},
    valid: false,
  });
}

/**
 * Reads the policy that a command line names: a path, or the name of a scenario. With `args` a policy in another
 * format is brought to format B, with the files that the command line names.
 *
 * The error is a usage error: there is no such thing to read.
 */
export function readPolicyInput(target: string, catalogue: Catalogue, args?: Arguments): Result<PolicyInput, string> {
  if (namesFile(target)) return readPolicyFile(target, args);
  const scenario = findScenario(target, catalogue);
  if (!scenario.ok) return scenario;
  const bytes = readFileLimited(scenario.value.policyFile);
  if (!bytes.ok) return err(bytes.error);
  return ok(examinePolicy(relative('', scenario.value.policyFile), bytes.value, scenario.value.software));
}
