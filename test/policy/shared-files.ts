import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { checkPolicy } from '../../src/policy/check.ts';
import type { Finding } from '../../src/policy/finding.ts';
import { type ParsedPolicy, parsePolicy } from '../../src/policy/parse.ts';

const SHARED = new URL('../../../shared/', import.meta.url);

/** False in a clone without the reference data; tests that need them are skipped then. */
export const hasShared = existsSync(SHARED);
export const SKIP_REASON = 'needs ../shared (outputs of the real Muen toolchain)';

export const sharedPath = (path: string): URL => new URL(path, SHARED);

export function sharedBytes(path: string): Uint8Array {
  const bytes = readFileSync(sharedPath(path));
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function sharedJson<T>(path: string): T {
  return JSON.parse(readFileSync(sharedPath(path), 'utf8')) as T;
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Parses a text or fails the test with its findings. */
export function parsed(bytes: Uint8Array): ParsedPolicy {
  const result = parsePolicy(bytes);
  if (!result.ok)
    throw new Error(result.error.map(({ code, line, message }) => `${code} ${line} ${message}`).join('\n'));
  return result.value;
}

/** All findings about a file: those of the parser, or those of the rules. */
export function findingsOf(bytes: Uint8Array): readonly Finding[] {
  const result = parsePolicy(bytes);
  return result.ok ? [...result.value.findings, ...checkPolicy(result.value.document).findings] : result.error;
}

export const errorCodes = (findings: readonly Finding[]): string[] => [
  ...new Set(findings.filter(finding => finding.severity === 'error').map(finding => finding.code)),
];
