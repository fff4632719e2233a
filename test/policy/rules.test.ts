import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { both, domain, oneBarrier, replace, twoCpus } from './policy-editing.ts';
import { EDITS } from './rule-edits.ts';
import { bytesOf, errorCodes, hasShared, parsed, SKIP_REASON, sharedPath } from './shared-files.ts';
import { smallPolicy } from './small-policy.ts';

const base = smallPolicy();

const findingsOfText = (text: string) => checkPolicy(parsed(bytesOf(text)).document).findings;

describe('rule table', () => {
  it('has stable, unique codes and one-sentence titles', () => {
    expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length);
    for (const { code, title } of RULES) {
      expect(code).toMatch(/^[A-Z]+(-[A-Z0-9]+)+$/);
      expect(title).toMatch(/^Validate that [^.]+(\.[a-zA-Z0-9][^.]*)*\.$/i);
    }
  });

  it('has one row for each of the 155 checks of the real validator, all of them errors', () => {
    const rows = RULES.filter(({ validator }) => validator !== undefined);
    expect(new Set(rows.map(({ validator }) => validator)).size).toBe(155);
    expect(rows).toHaveLength(155);
    expect(rows.filter(({ severity }) => severity !== 'error')).toEqual([]);
  });

  it.skipIf(!hasShared)(`names exactly the checks that the real validator registers (${SKIP_REASON})`, () => {
    expect(RULES.flatMap(({ validator }) => validator ?? []).sort()).toEqual(realChecks().sort());
  });

  it('has an edit for every rule, and none for others', () => {
    expect(Object.keys(EDITS).sort()).toEqual(RULES.map(({ code }) => code).sort());
  });

  it('examines the small policy and reports nothing', () => {
    const { findings, examined } = checkPolicy(parsed(bytesOf(base)).document);
    expect(findings).toEqual([]);
    expect(Object.keys(examined)).toEqual(RULES.map(({ code }) => code));
    expect(examined['MEM-REFERENCE']).toBe(27);
    expect(examined['DOM-MEMORY-TYPE']).toBe(0);
  });

  it.each([
    ['two CPUs', twoCpus],
    ['a barrier', oneBarrier],
    ['a device domain', domain()],
  ])('reports nothing in the small policy with %s, from which edits start', (_, edit) => {
    expect(findingsOfText(edit(base))).toEqual([]);
  });

  it.each(Object.entries(EDITS))('%s, and no other rule, finds an error in its minimal bad policy', (code, edit) => {
    const text = edit(base);
    const findings = findingsOfText(text);
    const severity = RULES.find(rule => rule.code === code)?.severity;
    expect(errorCodes(findings)).toEqual(severity === 'error' ? [code] : []);
    const own = findings.filter(finding => finding.code === code);
    expect(own.length).toBeGreaterThan(0);
    for (const finding of own) {
      expect(finding.severity).toBe(severity);
      expect(finding.line).toBeGreaterThan(0);
      expect(finding.line).toBeLessThanOrEqual(text.split('\n').length);
      expect([finding.message, finding.hint]).not.toContain('');
    }
  });
});

/** Names `<package>.<Procedure>` of section 7 of the reference. */
function realChecks(): string[] {
  const text = readFileSync(sharedPath('reference/muen.md'), 'utf8');
  const section = text.slice(text.indexOf('## 7. mucfgvalidate'), text.indexOf('### Library checks'));
  return section.split('\n### ').flatMap(area => {
    const name = area.slice(0, area.indexOf(' (')).toLowerCase();
    return [...area.matchAll(/^- (\w+):/gm)].map(match => `${name}.${match[1]}`);
  });
}

describe('names of required regions', () => {
  it('write the PCI bus of a context table in hex', () => {
    const edit = both(domain(), replace('bus="16#00#" device="16#02#"', 'bus="16#3e#" device="16#02#"'));
    const messages = findingsOfText(edit(base)).map(finding => finding.message);
    expect(messages).toEqual(["the memory region 'vtd_context_bus_3e' of PCI bus 62 does not exist"]);
  });
});

describe('rules that count', () => {
  it('gives the same result twice and shares nothing between documents', () => {
    const [one, two] = [parsed(bytesOf(base)).document, parsed(bytesOf(EDITS['MEM-SIZE']!(base))).document];
    expect(checkPolicy(one)).toEqual(checkPolicy(one));
    expect(checkPolicy(two).findings.map(finding => finding.code)).toContain('MEM-SIZE');
    expect(checkPolicy(one).findings).toEqual([]);
  });

  it('bounds the findings of one rule', () => {
    const events = Array.from({ length: 500 }, (_, id) => `<event mode="async" name="e${id}"/>`).join('');
    const { document } = parsed(bytesOf(base.replace('<events>\n', `<events>${events}`)));
    const own = checkPolicy(document).findings.filter(finding => finding.code === 'EVT-ENDS');
    expect(own).toHaveLength(201);
    expect(own.at(-1)).toMatchObject({ severity: 'notice' });
  });
});
