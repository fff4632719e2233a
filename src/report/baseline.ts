import { array, type DecodeProblem, type Decoder, decodeJson, string } from '../trace/decode.ts';
import type { Result } from '../units/result.ts';
import type { CheckReport } from './check-report.ts';

/** What a comparison needs of an earlier report. */
export interface Baseline {
  readonly digest: string;
  readonly verdicts: Readonly<Record<string, string>>;
  /** `code message` of each finding. */
  readonly findings: readonly string[];
}

const text = string();

/** An object of which only some fields matter; the others may be anything. */
function pick<T>(fields: { readonly [K in keyof T]: Decoder<T[K]> }): Decoder<T> {
  return (value, path, problems) => {
    const source = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
    const entries = Object.entries(fields).map(([key, decoder]) => {
      const own = Object.hasOwn(source, key) ? source[key] : undefined;
      return [key, (decoder as Decoder<unknown>)(own, `${path}.${key}`, problems)] as const;
    });
    return Object.fromEntries(entries) as T;
  };
}

const shape = pick({
  policy: pick({ digest: text }),
  properties: array(pick({ id: text, verdict: text }), 100_000),
  findings: array(pick({ code: text, message: text }), 1_000_000),
});

/** Reads an earlier `check --json` report as hostile input. */
export function readBaseline(json: string): Result<Baseline, readonly DecodeProblem[]> {
  const decoded = decodeJson(shape, json);
  if (!decoded.ok) return decoded;
  const { policy, properties, findings } = decoded.value;
  const verdicts = Object.fromEntries(properties.map(property => [property.id, property.verdict]));
  return {
    ok: true,
    value: { digest: policy.digest, verdicts, findings: findings.map(finding => `${finding.code} ${finding.message}`) },
  };
}

/** What changed since the baseline, one line each. */
export function compareWithBaseline(baseline: Baseline, report: CheckReport): readonly string[] {
  const lines: string[] = [];
  if (baseline.digest !== report.policy.digest)
    lines.push(`policy: was sha256 ${baseline.digest.slice(0, 16)}, now ${report.policy.digest.slice(0, 16)}`);
  const current = new Map(report.properties.map(property => [property.id, property.verdict]));
  for (const [id, verdict] of current) {
    const before = Object.hasOwn(baseline.verdicts, id) ? baseline.verdicts[id] : undefined;
    if (before === undefined) lines.push(`${id}: new, ${verdict}`);
    else if (before !== verdict) lines.push(`${id}: was ${before}, now ${verdict}`);
  }
  for (const id of Object.keys(baseline.verdicts))
    if (!current.has(id as `${string}`)) lines.push(`${id}: was ${baseline.verdicts[id]}, not checked now`);
  const now = report.findings.map(finding => `${finding.code} ${finding.message}`);
  lines.push(...now.filter(finding => !baseline.findings.includes(finding)).map(finding => `new finding: ${finding}`));
  lines.push(...baseline.findings.filter(finding => !now.includes(finding)).map(finding => `finding gone: ${finding}`));
  return lines.length === 0 ? ['none'] : lines;
}
