import { SaxesParser } from 'saxes';
import { describe, expect, test } from 'vitest';
import { VERDICT_WORDS } from '../../src/engine/verdict.ts';
import { compareWithBaseline, readBaseline } from '../../src/report/baseline.ts';
import type { CheckReport } from '../../src/report/check-report.ts';
import { githubReporter, markdownSummary } from '../../src/report/github.ts';
import { htmlReporter } from '../../src/report/html.ts';
import { jsonReporter } from '../../src/report/json.ts';
import { junitReporter } from '../../src/report/junit.ts';
import { REPORTERS } from '../../src/report/registry.ts';
import { sarifReporter } from '../../src/report/sarif.ts';
import { textReporter } from '../../src/report/text.ts';
import { plainPaint } from '../../src/units/paint.ts';
import { fullReport, hostileReport, inputOf } from './fake-report.ts';

const render = (reporter: (typeof REPORTERS)[number], report: CheckReport): string =>
  reporter.render(inputOf(report), plainPaint);

interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** All elements of a well-formed XML text; throws if it is not well-formed. */
function xmlElements(text: string): XmlElement[] {
  const elements: XmlElement[] = [];
  const parser = new SaxesParser();
  parser.on('error', cause => {
    throw cause;
  });
  parser.on('opentag', tag => elements.push({ name: tag.name, attributes: tag.attributes as Record<string, string> }));
  parser.write(text).close();
  return elements;
}

describe('text', () => {
  const text = render(textReporter, fullReport);
  test('has a row per property with its word, and the summary last', () => {
    for (const property of fullReport.properties)
      expect(text).toMatch(new RegExp(`^[+x?o-] {2}${property.id} +${property.verdict}\\b`, 'm'));
    expect(text.trimEnd().split('\n').at(-1)).toBe(
      'verdict refuted: 1 proved, 1 exhausted, 1 tested, 1 refuted, 1 inconclusive, 1 vacuous, 1 not-applicable',
    );
  });
  test('shows reasons, missing witnesses, pairs, open steps, findings with place and hint, counterexample', () => {
    for (const part of [
      'time limit',
      'acted NEVER',
      '1 of 2 pairs tested,  3 of 4 runs effective\n  not tested\n    1  direct flow\n',
      'NMI while blocked',
    ])
      expect(text).toContain(part);
    expect(text).toContain("dir/policy.xml:2:3 error MEM-OVERLAP region 'a' overlaps 'b'\n    hint: Move one.");
    expect(text).toContain('dir/policy.xml notice XML-NOTE the file as a whole');
    expect(text).toContain('REFUTED  meta/a');
    expect(text).toContain('replay  muencheck replay isolation-refuted.trace.json');
  });
  test('colour only repeats words', () => {
    const marked = textReporter.render(inputOf(fullReport), (tone, part) => `[${tone}]${part}[/]`);
    expect(marked.replace(/\[[a-z]+\]|\[\/\]/g, '')).toBe(text);
    expect(marked).toContain('[bad]refuted[/]');
    expect(marked).toContain('[good]proved[/]');
  });
  test('groups excluded pairs by cause, and shows the list of equal properties once', () => {
    const pair = (low: string, excluded: string) => ({ high: 'h', low, effectiveRuns: 0, totalRuns: 0, excluded });
    const pairs = [
      pair('a', 'permitted flow: channel x (line 1)'),
      pair('b', 'permitted flow: event y (line 2)'),
      pair('c', 'permitted flow: channel z (line 3)'),
      pair('d', 'shares a partition: by design'),
      ...['p', 'q', 'r', 's', 't'].map(name => pair(name, `cause ${name}`)),
    ];
    const properties = ['isolation/proved', 'scheduling/tested'].map(id => ({
      ...fullReport.properties.find(property => property.id === id)!,
      pairs,
    }));
    const lines = render(textReporter, { ...fullReport, properties }).split('\n');
    const start = lines.findIndex(line => line.startsWith('pairs of subjects'));
    expect(lines.slice(start + 1, lines.indexOf('', start))).toEqual([
      '  isolation/proved   0 of 9 pairs tested,  0 of 0 runs effective',
      '  scheduling/tested  0 of 9 pairs tested,  0 of 0 runs effective',
      '  not tested',
      '    3  permitted flow: channel 2, event 1',
      '    1  cause p',
      '    1  cause q',
      '    1  cause r',
      '    1  cause s',
      '    2  for other reasons',
    ]);
  });
  test('shows the end of a long timeline', () => {
    const row = { tsc: 0, cpu: 0, subject: 'a', event: 'enter' };
    const timeline = Array.from({ length: 30 }, (_, step) => ({ ...row, step }));
    const [, refuted] = fullReport.properties;
    const trace = { ...refuted!.counterexample!, outcome: { ...refuted!.counterexample!.outcome, timeline } };
    const long = render(textReporter, { ...fullReport, properties: [{ ...refuted!, counterexample: trace }] });
    expect(long.match(/cpu0 {2}a/g)).toHaveLength(12);
    expect(long).toContain('29  ');
    expect(long).toContain('(18 earlier rows of the timeline: replay shows all)');
  });
  test('shows changes against a baseline', () => {
    expect(textReporter.render(inputOf(fullReport, ['a/b: was tested, now refuted']), plainPaint)).toContain(
      'changes since the baseline\n  a/b: was tested, now refuted',
    );
  });
});

describe('json', () => {
  test('is the documented object in the documented order', () => {
    const json = JSON.parse(render(jsonReporter, fullReport)) as Record<string, unknown>;
    expect(Object.keys(json)).toEqual([
      'tool',
      'version',
      'policy',
      'seed',
      'verdict',
      'properties',
      'findings',
      'timing',
    ]);
    const [proved, refuted] = json.properties as readonly Record<string, unknown>[];
    const keys = [
      'id',
      'area',
      'claim',
      'verdict',
      'method',
      'reason',
      'runs',
      'steps',
      'states',
      'pairs',
      'witnesses',
      'unspecified',
      'durationMs',
    ];
    expect(Object.keys(proved ?? {})).toEqual(keys);
    expect(Object.keys(refuted ?? {})).toEqual([...keys, 'counterexample']);
    expect(Object.keys((json.findings as readonly object[])[0] ?? {})).toEqual([
      'code',
      'severity',
      'message',
      'line',
      'column',
      'hint',
    ]);
  });
  test('does not depend on the order of keys in memory', () => {
    const shuffled = {
      ...fullReport,
      properties: fullReport.properties.map(
        property => Object.fromEntries(Object.entries(property).reverse()) as never,
      ),
    };
    expect(render(jsonReporter, shuffled)).toBe(render(jsonReporter, fullReport));
  });
});

describe('junit', () => {
  test('is well-formed, with a suite per area and honest counts', () => {
    const elements = xmlElements(render(junitReporter, fullReport));
    const suites = elements.filter(element => element.name === 'testsuite');
    expect(suites.map(suite => suite.attributes.name)).toEqual([
      'isolation',
      'scheduling',
      'channels',
      'proxies',
      'policy',
    ]);
    const sum = (attribute: string): number =>
      suites.reduce((total, suite) => total + Number(suite.attributes[attribute]), 0);
    for (const [attribute, element] of [
      ['tests', 'testcase'],
      ['failures', 'failure'],
      ['errors', 'error'],
      ['skipped', 'skipped'],
    ] as const) {
      expect(sum(attribute)).toBe(elements.filter(item => item.name === element).length);
    }
    expect([sum('failures'), sum('errors'), sum('skipped')]).toEqual([2, 2, 1]);
  });
});

describe('sarif', () => {
  interface Sarif {
    readonly version: string;
    readonly runs: readonly {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
      readonly results: readonly Record<string, never>[];
    }[];
  }
  const run = (JSON.parse(render(sarifReporter, fullReport)) as Sarif).runs[0];
  test('every result has a rule, a level, a location and a fingerprint; lines are at least 1', () => {
    const rules = run?.tool.driver.rules.map(rule => rule.id) ?? [];
    expect(run?.results).toHaveLength(3);
    for (const result of (run?.results ?? []) as readonly Record<string, unknown>[]) {
      expect(rules).toContain(result.ruleId);
      expect(['error', 'warning', 'note']).toContain(result.level);
      expect(JSON.stringify(result.locations)).toContain('"uri":"dir/policy.xml"');
      expect(JSON.stringify(result.locations)).not.toContain('"startLine":0');
      expect(JSON.stringify(result.partialFingerprints)).toMatch(/"muencheck\/v1":"[0-9a-f]{16}"/);
    }
  });
  test('a refuted property has its trace as a code flow', () => {
    const refuted = (run?.results ?? []).find(result => result.ruleId === 'isolation/refuted');
    expect(JSON.stringify(refuted)).toContain('vmcall event 3');
  });
  test('a moved line keeps the fingerprint', () => {
    const moved = {
      ...fullReport,
      findings: fullReport.findings.map(finding => ({ ...finding, line: finding.line + 10 })),
    };
    const prints = (text: string): string[] => text.match(/"muencheck\/v1": "[0-9a-f]+"/g) ?? [];
    expect(prints(render(sarifReporter, moved))).toEqual(prints(render(sarifReporter, fullReport)));
  });
});

describe('github', () => {
  test('annotates findings, refuted and open properties', () => {
    const lines = render(githubReporter, fullReport).trimEnd().split('\n');
    expect(lines).toContain(
      "::error file=dir/policy.xml,line=2,col=3,title=MEM-OVERLAP::region 'a' overlaps 'b' Move one.",
    );
    expect(lines).toContain('::error file=dir/policy.xml,line=2,title=isolation/refuted::refuted: it differs');
    expect(lines.filter(line => line.startsWith('::warning'))).toHaveLength(2);
  });
  test('the summary has a row per property', () => {
    expect(
      markdownSummary(inputOf(fullReport))
        .split('\n')
        .filter(line => line.startsWith('| ') && !line.includes('| property')),
    ).toHaveLength(7);
  });
});

describe('html', () => {
  const html = render(htmlReporter, fullReport);
  test('is self-contained: no script, no external reference, a strict content policy', () => {
    expect(html).toContain(`http-equiv="Content-Security-Policy" content="default-src 'none'`);
    expect(html).not.toMatch(/<script|https?:|\ssrc=|<link|@import|url\(/i);
  });
  test('names every pair that was not tested', () => {
    expect(html).toContain('<td>direct flow</td><td class="number">1</td><td>h -&gt; m</td>');
  });
  test('shows every property with its word', () => {
    for (const property of fullReport.properties)
      expect(html).toContain(`<td class="verdict ${property.verdict}">${property.verdict}</td>`);
  });
});

describe('hostile text', () => {
  test.each(REPORTERS.map(reporter => [reporter.name, reporter] as const))(
    '%s: no control character, no broken line',
    (_, reporter) => {
      const output = render(reporter, hostileReport);
      expect(output).not.toMatch(/[^\x20-\x7e\n]/);
      if (reporter.name !== 'json') expect(output).not.toMatch(/^::error::pwn/m);
    },
  );
  test('html and junit: markup stays text', () => {
    const html = render(htmlReporter, hostileReport);
    expect(html).not.toMatch(/<script/i);
    expect(html).toContain('&lt;script&gt;');
    expect(html.match(/<[a-z]+[^>]*\son[a-z]+=/gi)).toBeNull();
    expect(() => xmlElements(render(junitReporter, hostileReport))).not.toThrow();
  });
  test('json and sarif: parse back to what went in', () => {
    const json = JSON.parse(render(jsonReporter, hostileReport)) as CheckReport;
    expect(json.properties[0]?.reason).toBe(hostileReport.properties[0]?.reason);
    expect(() => JSON.parse(render(sarifReporter, hostileReport)) as unknown).not.toThrow();
  });
});

describe('baseline', () => {
  const baseline = readBaseline(render(jsonReporter, fullReport));
  test('an equal report has no changes', () => {
    expect(baseline.ok && compareWithBaseline(baseline.value, fullReport)).toEqual(['none']);
  });
  test('changed, new and missing verdicts and findings are told', () => {
    const [first, ...rest] = fullReport.properties;
    const changed: CheckReport = {
      ...fullReport,
      policy: { ...fullReport.policy, digest: 'b'.repeat(64) },
      properties: [{ ...first!, verdict: 'vacuous' }, ...rest.slice(1), { ...first!, id: 'meta/new' }],
      findings: fullReport.findings.slice(1),
    };
    expect(baseline.ok && compareWithBaseline(baseline.value, changed)).toEqual([
      'policy: was sha256 aaaaaaaaaaaaaaaa, now bbbbbbbbbbbbbbbb',
      'isolation/proved: was proved, now vacuous',
      'meta/new: new, proved',
      'isolation/refuted: was refuted, not checked now',
      "finding gone: MEM-OVERLAP region 'a' overlaps 'b'",
    ]);
  });
  test('sharing, pairs, given tables and reasons are compared as well', () => {
    const [first, refuted] = fullReport.properties;
    const share = (resource: string) => ({
      rule: 'declared-share',
      inferred: true,
      holder: 'a',
      logical: 'shm',
      resource,
      line: 1,
      resourceLine: 2,
      text: '',
    });
    const withSharing = (resource: string, given: number, excluded?: string): CheckReport => ({
      ...fullReport,
      properties: [
        {
          ...first!,
          tables: { own: 1, given, missing: [] },
          pairs: [{ high: 'a', low: 'b', effectiveRuns: 1, totalRuns: 1, ...(excluded && { excluded }) }],
          sharing: { explained: [share(resource)], warnings: [] },
        },
        { ...refuted!, reason: resource },
      ],
    });
    const old = readBaseline(render(jsonReporter, withSharing('one', 3)));
    const id = first!.id;
    expect(old.ok && compareWithBaseline(old.value, withSharing('two', 2, 'a channel'))).toEqual([
      `${id}: was about 3 given structures, now 2`,
      `${id}: pair not tested any more: a -> b (a channel)`,
      `${id}: new sharing: 'a' has 'two' as 'shm' (declared-share)`,
      `${id}: sharing gone: 'a' has 'one' as 'shm' (declared-share)`,
      `${refuted!.id}: refuted for another reason: two`,
    ]);
  });
  test.each(['', '[]', 'null', '{"policy":1}', '{"policy":{"digest":"x"},"properties":{},"findings":[]}'])(
    '%s is no baseline',
    text => {
      expect(readBaseline(text).ok).toBe(false);
    },
  );
});

test('every verdict word occurs in the full report, so that each is rendered above', () => {
  expect(new Set(fullReport.properties.map(property => property.verdict))).toEqual(new Set(VERDICT_WORDS));
});
