import { array, type DecodeProblem, type Decoder, decodeJson, integer, string } from '../trace/decode.ts';
import type { Result } from '../units/result.ts';
import type { CheckReport, ReportedProperty } from './check-report.ts';

/** What a comparison needs of one property of an earlier report. */
interface BaselineProperty {
  readonly id: string;
  readonly verdict: string;
  readonly reason: string;
  readonly pairs: readonly { readonly high: string; readonly low: string; readonly excluded: string }[];
  readonly tables: { readonly given: number };
  readonly sharing: { readonly explained: readonly SharedResource[] };
}

type SharedResource = Readonly<Record<'rule' | 'holder' | 'logical' | 'resource', string>>;

/** What a comparison needs of an earlier report. */
export interface Baseline {
  readonly digest: string;
  readonly properties: readonly BaselineProperty[];
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

/** A part that reports of earlier versions, or of other properties, lack. */
const optional =
  <T>(decoder: Decoder<T>, absent: T): Decoder<T> =>
  (value, path, problems) =>
    value === undefined ? absent : decoder(value, path, problems);

const shape = pick({
  policy: pick({ digest: text }),
  properties: array(
    pick<BaselineProperty>({
      id: text,
      verdict: text,
      reason: optional(text, ''),
      pairs: optional(array(pick({ high: text, low: text, excluded: optional(text, '') }), 1_000_000), []),
      tables: optional(pick({ given: integer(0, Number.MAX_SAFE_INTEGER) }), { given: 0 }),
      sharing: optional(
        pick({ explained: array(pick({ rule: text, holder: text, logical: text, resource: text }), 1_000_000) }),
        { explained: [] },
      ),
    }),
    100_000,
  ),
  findings: array(pick({ code: text, message: text }), 1_000_000),
});

/** Reads an earlier `check --json` report as hostile input. */
export function readBaseline(json: string): Result<Baseline, readonly DecodeProblem[]> {
  const decoded = decodeJson(shape, json);
  if (!decoded.ok) return decoded;
  const { policy, properties, findings } = decoded.value;
  return {
    ok: true,
    value: {
      digest: policy.digest,
      properties,
      findings: findings.map(finding => `${finding.code} ${finding.message}`),
    },
  };
}

/** Lines for what only one of two lists has. */
function onlyIn(before: readonly string[], now: readonly string[], gained: string, lost: string): readonly string[] {
  const [old, current] = [new Set(before), new Set(now)];
  return [
    ...[...current].filter(entry => !old.has(entry)).map(entry => `${gained}: ${entry}`),
    ...[...old].filter(entry => !current.has(entry)).map(entry => `${lost}: ${entry}`),
  ];
}

const sharedText = ({ rule, holder, logical, resource }: SharedResource): string =>
  `${holder === '' ? '' : `'${holder}' has `}'${resource}'${logical === '' ? '' : ` as '${logical}'`} (${rule})`;

const excludedPairs = (pairs: readonly { readonly high: string; readonly low: string; readonly excluded?: string }[]) =>
  pairs
    .filter(({ excluded = '' }) => excluded !== '')
    .map(({ high, low, excluded }) => `${high} -> ${low} (${excluded})`);

/** Verdicts whose reason says what is wrong; the reason of a passing one is only a caveat. */
const EXPLAINS: readonly string[] = ['refuted', 'inconclusive', 'vacuous'];

function propertyChanges(before: BaselineProperty, now: ReportedProperty): readonly string[] {
  const { id, verdict, reason } = now;
  const isOther = before.verdict !== verdict;
  const given = now.tables?.given ?? 0;
  return [
    ...(isOther ? [`${id}: was ${before.verdict}, now ${verdict}`] : []),
    ...(!isOther && EXPLAINS.includes(verdict) && before.reason !== reason
      ? [`${id}: ${verdict} for another reason: ${reason}`]
      : []),
    ...(before.tables.given !== given
      ? [`${id}: was about ${before.tables.given} given structures, now ${given}`]
      : []),
    ...onlyIn(
      excludedPairs(before.pairs),
      excludedPairs(now.pairs ?? []),
      `${id}: pair not tested any more`,
      `${id}: pair tested now`,
    ),
    ...onlyIn(
      before.sharing.explained.map(sharedText),
      (now.sharing?.explained ?? []).map(sharedText),
      `${id}: new sharing`,
      `${id}: sharing gone`,
    ),
  ];
}

/** What changed since the baseline, one line each: policy, verdicts and their reasons, coverage, sharing, findings. */
export function compareWithBaseline(baseline: Baseline, report: CheckReport): readonly string[] {
  const lines: string[] = [];
  if (baseline.digest !== report.policy.digest)
    lines.push(`policy: was sha256 ${baseline.digest.slice(0, 16)}, now ${report.policy.digest.slice(0, 16)}`);
  const known = new Map(baseline.properties.map(property => [property.id, property]));
  for (const property of report.properties) {
    const before = known.get(property.id);
    if (before === undefined) lines.push(`${property.id}: new, ${property.verdict}`);
    else lines.push(...propertyChanges(before, property));
  }
  const current = new Set(report.properties.map(property => String(property.id)));
  for (const { id, verdict } of baseline.properties)
    if (!current.has(id)) lines.push(`${id}: was ${verdict}, not checked now`);
  const now = report.findings.map(finding => `${finding.code} ${finding.message}`);
  lines.push(...onlyIn(baseline.findings, now, 'new finding', 'finding gone'));
  return lines.length === 0 ? ['none'] : lines;
}
