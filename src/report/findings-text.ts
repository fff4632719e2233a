import type { Finding, Severity } from '../policy/finding.ts';
import type { Paint, Tone } from '../units/paint.ts';
import { printable } from '../units/printable.ts';

const TONES: Readonly<Record<Severity, Tone>> = { error: 'bad', warning: 'warn', notice: 'dim' };

/** One finding: `file:line:column severity CODE message`, and the hint on a line of its own; `path` where it names no file. */
export function findingLines(path: string, finding: Finding, paint: Paint): string[] {
  const file = printable(finding.file ?? path);
  const place = finding.line === 0 ? file : `${file}:${finding.line}:${finding.column}`;
  const head = `${place} ${paint(TONES[finding.severity], finding.severity)} ${finding.code} ${printable(finding.message)}`;
  return finding.hint === '' ? [head] : [head, `    hint: ${printable(finding.hint)}`];
}

/** Says how many findings of each severity there are. */
export function countFindings(findings: readonly Finding[]): string {
  const counts = (['error', 'warning', 'notice'] as const)
    .map(severity => [severity, findings.filter(finding => finding.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}${count === 1 ? '' : 's'}`);
  return counts.length === 0 ? 'no findings' : counts.join(', ');
}
