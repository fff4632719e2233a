import { readFileStart } from '../host/files.ts';
import type { Finding } from '../policy/finding.ts';
import { bringTo, formatOf, type PolicyFormat } from '../policy/toolchain.ts';
import { type PolicyTree, parseTree } from '../policy/tree.ts';
import { XML_LIMITS } from '../policy/xml.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Arguments } from './options.ts';
import { missingDirectory, namesSource, readSourceInput } from './source-input.ts';

/** A policy that the toolchain works on. */
export interface PolicyBuild {
  readonly tree: PolicyTree;
  /** Format of what was given. */
  readonly from: PolicyFormat;
  readonly findings: readonly Finding[];
}

/** Why a policy cannot be built: it cannot be read at all, or what is wrong with it. */
export type BuildError =
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'invalid'; readonly findings: readonly Finding[] };

/**
 * Reads a policy of any format and brings it to `format`: a source policy or system configuration with what the command
 * line names, a policy in format A, or one that is in format B already.
 */
export function buildPolicy(path: string, args: Arguments, format: PolicyFormat): Result<PolicyBuild, BuildError> {
  const read = readTree(path, args);
  if (!read.ok || format === 'src') return read;
  const { tree, from, findings } = read.value;
  const built = bringTo(tree, format);
  if (!built.ok) return err({ kind: 'invalid', findings: built.error });
  return ok({ tree: built.value.tree, from, findings: [...findings, ...built.value.findings] });
}

function readTree(path: string, args: Arguments): Result<PolicyBuild, BuildError> {
  const bytes = readFileStart(path, XML_LIMITS.maxBytes);
  if (!bytes.ok) return err({ kind: 'unreadable', message: bytes.error });
  const tree = parseTree(bytes.value, path);
  // A source policy may have what no other has, for example xi:include.
  const isSource = !tree.ok || formatOf(tree.value) === 'src';
  if (!isSource && !namesSource(args)) return ok({ tree: tree.value, from: formatOf(tree.value), findings: [] });
  const missing = missingDirectory(args);
  if (missing !== undefined) return err({ kind: 'unreadable', message: missing });
  const source = readSourceInput(path, args);
  if (!source.ok) return err({ kind: 'invalid', findings: source.error });
  return ok({ tree: source.value.tree, from: 'src', findings: source.value.findings });
}
