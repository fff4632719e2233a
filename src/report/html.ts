import { VERDICT_WORDS } from '../engine/verdict.ts';
import { groupDigits } from '../trace/text.ts';
import { type CheckReport, countWords, type ReportedProperty, type ReportInput } from './check-report.ts';
import { anchorOf, counterexampleMarkup } from './html-counterexample.ts';
import { htmlPage } from './html-page.ts';
import { escapeMarkup } from './markup.ts';
import { flowPictures } from './picture/flows.ts';
import { schedulePicture } from './picture/schedule.ts';
import type { Reporter } from './reporter.ts';

const numberCell = (value: number): string => `<td class="number">${value === 0 ? '' : groupDigits(value)}</td>`;

function propertyRow(property: ReportedProperty): string {
  const name =
    property.counterexample === undefined
      ? escapeMarkup(property.id)
      : `<a href="#${anchorOf(property.id)}">${escapeMarkup(property.id)}</a>`;
  const word = `<td class="verdict ${property.verdict}">${property.verdict}</td>`;
  const numbers = numberCell(property.runs) + numberCell(property.steps) + numberCell(property.states);
  return `<tr><td>${name}<br><small>${escapeMarkup(property.claim)}</small></td>${word}${numbers}<td>${escapeMarkup(property.reason)}</td></tr>`;
}

function verdictTable(report: CheckReport): string {
  const head =
    '<tr><th>property</th><th>verdict</th><th class="number">runs</th><th class="number">steps</th><th class="number">states</th><th>reason</th></tr>';
  return `<h2>Properties</h2><table><thead>${head}</thead><tbody>${report.properties.map(propertyRow).join('\n')}</tbody></table>`;
}

function findingTable(report: CheckReport): string {
  if (report.findings.length === 0) return '';
  const rows = report.findings.map(finding => {
    const hint = finding.hint === '' ? '' : `<br><small>hint: ${escapeMarkup(finding.hint)}</small>`;
    const file = finding.file === undefined ? '' : `${escapeMarkup(finding.file)}:`;
    return `<tr><td class="number">${file}${finding.line}:${finding.column}</td><td>${finding.severity}</td><td>${escapeMarkup(finding.code)}</td><td>${escapeMarkup(finding.message)}${hint}</td></tr>`;
  });
  return `<h2>Findings</h2><table><thead><tr><th class="number">place</th><th>severity</th><th>code</th><th>message</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function counterexamples(input: ReportInput): string {
  const blocks = input.report.properties.flatMap(property => {
    if (property.counterexample === undefined) return [];
    const body = counterexampleMarkup(property.counterexample, {
      claim: property.claim,
      policyText: input.policyText,
      replayCommand: input.replayCommand(property.id),
    });
    return [
      `<details open id="${anchorOf(property.id)}"><summary>${escapeMarkup(property.id)}</summary>${body}</details>`,
    ];
  });
  return blocks.length === 0 ? '' : `<h2>Counterexamples</h2>${blocks.join('\n')}`;
}

/** The plan and the flows of the system, if the policy could be read. */
function pictures({ system }: ReportInput): string {
  return system === undefined ? '' : schedulePicture(system) + flowPictures(system);
}

function coverage(report: CheckReport): string {
  const rows = report.properties.flatMap(property =>
    Object.entries(property.witnesses).map(
      ([id, seen]) =>
        `<tr><td>${escapeMarkup(property.id)}</td><td>${escapeMarkup(id)}</td><td class="number">${seen === 0 ? 'never' : groupDigits(seen)}</td></tr>`,
    ),
  );
  const open = report.properties.flatMap(property =>
    Object.entries(property.unspecified).map(
      ([reason, steps]) =>
        `<tr><td>${escapeMarkup(property.id)}</td><td>${escapeMarkup(reason)}</td>${numberCell(steps)}</tr>`,
    ),
  );
  const table = (title: string, what: string, lines: readonly string[]): string =>
    lines.length === 0
      ? ''
      : `<details><summary>${title} (${lines.length})</summary><table><thead><tr><th>property</th><th>${what}</th><th class="number">count</th></tr></thead><tbody>${lines.join('\n')}</tbody></table></details>`;
  const both = table('Witnesses', 'witness', rows) + table('Steps that the model leaves open', 'reason', open);
  return both === '' ? '' : `<h2>Coverage</h2>${both}`;
}

/** Every pair that was not tested, by its reason; the text report only counts them. */
function excludedPairs(report: CheckReport): string {
  const blocks = report.properties.flatMap(property => {
    const reasons = new Map<string, string[]>();
    for (const { high, low, excluded } of property.pairs ?? []) {
      if (excluded === undefined) continue;
      reasons.set(excluded, [...(reasons.get(excluded) ?? []), `${high} -> ${low}`]);
    }
    if (reasons.size === 0) return [];
    const rows = [...reasons].map(
      ([reason, pairs]) =>
        `<tr><td>${escapeMarkup(reason)}</td>${numberCell(pairs.length)}<td>${pairs.map(escapeMarkup).join('<br>')}</td></tr>`,
    );
    const count = [...reasons.values()].reduce((sum, pairs) => sum + pairs.length, 0);
    const head = '<tr><th>reason</th><th class="number">pairs</th><th>from -&gt; to</th></tr>';
    return [
      `<details><summary>${escapeMarkup(property.id)} (${count})</summary><table><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table></details>`,
    ];
  });
  return blocks.length === 0 ? '' : `<h2>Pairs of subjects that were not tested</h2>${blocks.join('\n')}`;
}

function summary(report: CheckReport): string {
  const words = countWords(report, VERDICT_WORDS).map(
    ([word, count]) => `${count} <span class="${word}">${word}</span>`,
  );
  const facts: readonly (readonly [string, string])[] = [
    [
      'verdict',
      `<span class="verdict ${report.verdict}">${report.verdict}</span>${words.length === 0 ? '' : `: ${words.join(', ')}`}`,
    ],
    ['policy', escapeMarkup(report.policy.path)],
    ['SHA-256', escapeMarkup(report.policy.digest)],
    [
      'system',
      `format ${escapeMarkup(report.policy.format)}, ${report.policy.subjects} subjects, ${report.policy.cpus} CPUs`,
    ],
    ['tool', `${escapeMarkup(report.tool)} ${escapeMarkup(report.version)}`],
    ['seed', `0x${report.seed.toString(16)}`],
  ];
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl>`;
}

/** One self-contained page without scripts. */
export const htmlReporter: Reporter = {
  name: 'html',
  description: 'one self-contained page: no scripts, no network',
  render(input) {
    const { report } = input;
    return htmlPage(`${report.tool}: ${report.policy.path}: ${report.verdict}`, [
      '<h1>muencheck report</h1>',
      summary(report),
      verdictTable(report),
      findingTable(report),
      counterexamples(input),
      pictures(input),
      coverage(report),
      excludedPairs(report),
    ]);
  },
};
