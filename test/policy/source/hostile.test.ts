import { describe, expect, it } from 'vitest';
import { mergePolicy } from '../../../src/policy/source/merge.ts';
import { readSource } from '../../../src/policy/source/read-source.ts';
import type { SourceLimits } from '../../../src/policy/source/source-files.ts';
import { textFiles } from './golden-source.ts';

type Texts = Readonly<Record<string, string>>;

/** `CODE file:line` of the errors of merging `p/s.xml`. */
function errors(texts: Texts, limits?: SourceLimits): readonly string[] {
  const inputs = { policy: 'p/s.xml', includeDirectories: ['p', 'q'], ...(limits === undefined ? {} : { limits }) };
  const result = mergePolicy(inputs, textFiles(texts));
  return result.ok ? [] : result.error.map(({ code, file, line }) => `${code} ${file}:${line}`);
}

/** Milliseconds of CPU time that a function takes. */
function cpuMs(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

const system = (content: string): string => `<system>\n<config/>\n${content}\n<hardware/><platform/></system>`;

describe('includes', () => {
  it('in a circle are named with the way round', () => {
    const texts = {
      'p/s.xml': system('<include href="a.xml"/>'),
      'p/a.xml': '<include>\n <include href="b.xml"/></include>',
      'q/b.xml': '<include>\n\n <include href="a.xml"/></include>',
    };
    expect(errors(texts)).toEqual(['SRC-INCLUDE-CYCLE q/b.xml:3']);
    const result = mergePolicy({ policy: 'p/s.xml', includeDirectories: ['p', 'q'] }, textFiles(texts));
    expect(result.ok ? '' : result.error[0]!.message).toContain('a.xml > b.xml > a.xml (first included at p/s.xml:3)');
    expect(errors({ 'p/s.xml': system('<include href="s.xml"/>') })).toEqual(['SRC-INCLUDE-CYCLE p/s.xml:3']);
  });

  it.each(['../secret.xml', '../../etc/passwd', '/etc/passwd', 'x/../../secret.xml', './.././secret.xml'])(
    '%s leads out of the include directories',
    href => {
      const texts = { 'p/s.xml': system(`<include href="${href}"/>`), 'secret.xml': '<x/>', '/etc/passwd': '<x/>' };
      expect(errors(texts)).toEqual(['SRC-ESCAPE p/s.xml:3']);
    },
  );

  it('may go up and down within them', () => {
    expect(errors({ 'p/s.xml': system('<include href="x/../a.xml"/>'), 'p/a.xml': '<memory/>' })).toEqual([]);
    expect(errors({ 'p/s.xml': system('<include href="../q/a.xml"/>'), 'q/a.xml': '<memory/>' })).toEqual([]);
  });

  it('of missing, broken and empty files are errors with the right place', () => {
    expect(errors({ 'p/s.xml': system('<include href="none.xml"/>') })).toEqual(['SRC-FILE p/s.xml:3']);
    expect(errors({ 'p/s.xml': system('<include href="a.xml"/>'), 'p/a.xml': '<a>\n<b></a>' })).toEqual([
      'XML-MISMATCH p/a.xml:2',
    ]);
    expect(errors({ 'p/s.xml': system('<include href="a.xml"/>'), 'p/a.xml': '' })).toEqual(['XML-EMPTY p/a.xml:1']);
    expect(errors({})).toEqual(['SRC-FILE p/s.xml:0']);
  });

  it('that multiply each other end at a bound, soon', () => {
    const level = (n: number): string =>
      `<include>${'<include href="l'.concat(`${n + 1}.xml"/>`).repeat(10)}</include>`;
    const texts: Record<string, string> = { 'p/s.xml': system('<include href="l0.xml"/>'), 'p/l20.xml': '<x/>' };
    for (let n = 0; n < 20; n += 1) texts[`p/l${n}.xml`] = level(n);
    let found: readonly string[] = [];
    const ms = cpuMs(() => {
      found = errors(texts);
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^SRC-LIMIT /);
    expect(ms).toBeLessThan(5000);
  });

  it('nest at most as deep as elements may', () => {
    const texts: Record<string, string> = { 'p/s.xml': system('<include href="l0.xml"/>') };
    for (let n = 0; n < 100; n += 1) texts[`p/l${n}.xml`] = `<e><include href="l${n + 1}.xml"/></e>`;
    texts['p/l100.xml'] = '<e/>';
    expect(errors(texts)[0]).toMatch(/^SRC-LIMIT /);
  });

  it('of many files end at a bound', () => {
    const texts: Record<string, string> = { 'p/s.xml': system('') };
    let includes = '';
    for (let n = 0; n < 2100; n += 1) {
      texts[`p/f${n}.xml`] = '<x/>';
      includes += `<include href="f${n}.xml"/>`;
    }
    texts['p/s.xml'] = system(includes);
    expect(errors(texts)).toEqual(['SRC-LIMIT p/s.xml:3']);
  });
});

describe('documents', () => {
  it.each([
    ['a bomb of entities', '<!DOCTYPE a [<!ENTITY e "x">]><system/>', 'XML-DOCTYPE'],
    ['an unknown entity', '<system>&lol;</system>', 'XML-ENTITY'],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><system/>', 'XML-DOCTYPE'],
    ['deep nesting', `${'<a>'.repeat(100_000)}`, 'XML-TOO-DEEP'],
    [
      'a namespace',
      '<system xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="a"/></system>',
      'XML-NAMESPACE',
    ],
    ['another root', '<component name="x"/>', 'SRC-ROOT'],
    ['a binary file', '\u0000\u0001', 'XML-CHARACTER'],
  ])('%s is refused', (_what, text, code) => {
    expect(errors({ 'p/s.xml': text })[0]).toMatch(new RegExp(`^${code} p/s.xml:1$`));
  });

  it('of 50 MB are refused at a bound in bounded time', () => {
    const many = `<system>${'<memory name="a"/>\n'.repeat(2_700_000)}</system>`;
    expect(many.length).toBeGreaterThan(50_000_000);
    let found: readonly string[] = [];
    const ms = cpuMs(() => {
      found = errors({ 'p/s.xml': many });
    });
    expect(found[0]).toMatch(/^XML-TOO-MANY p\/s.xml:/);
    expect(ms).toBeLessThan(10_000);
  });

  it('of 80 MB are refused before they are decoded', () => {
    const inputs = { policy: 'p/s.xml', includeDirectories: ['p'] };
    const bytes = new Uint8Array(80 * 2 ** 20);
    const result = mergePolicy(inputs, { read: () => ({ ok: true, value: bytes }) });
    expect(result).toMatchObject({ ok: false, error: [{ code: 'SRC-LIMIT' }] });
  });
});

describe('templates', () => {
  const template = (name: string, body: string): string => `<template name="${name}"><body>${body}</body></template>`;

  it('that use themselves end at a bound, also when they multiply', () => {
    const one = template('a', '<useTemplate name="a"/>');
    expect(errors({ 'p/s.xml': system(`${one}\n<useTemplate name="a"/>`) })).toEqual(['SRC-TEMPLATE p/s.xml:3']);
    const two = template('a', '<x/><useTemplate name="a"/><useTemplate name="a"/>');
    let found: readonly string[] = [];
    const ms = cpuMs(() => {
      found = errors({ 'p/s.xml': system(`${two}\n<useTemplate name="a"/>`) });
    });
    expect(found).toEqual(['SRC-LIMIT p/s.xml:3']);
    expect(ms).toBeLessThan(8000);
  });

  it.each([
    ['<useTemplate name="none"/>', 'SRC-TEMPLATE'],
    [`${template('a', '')}${template('a', '')}`, 'SRC-TEMPLATE'],
    ['<template name="a"/>', 'SRC-TEMPLATE'],
    [`${template('a', '')}<useTemplate name="a"><parameter name="x" value="1"/></useTemplate>`, 'SRC-TEMPLATE'],
    [`${template('a', '')}<useTemplate name="a"><other/></useTemplate>`, 'SRC-TEMPLATE'],
    [
      '<template name="a"><parameters><string name="x"/></parameters><body/></template><useTemplate name="a"/>',
      'SRC-TEMPLATE',
    ],
  ])('%s is refused', (content, code) => {
    expect(errors({ 'p/s.xml': system(content) })).toEqual([`${code} p/s.xml:3`]);
  });
});

describe('configuration', () => {
  const config = (variables: string, content = ''): Texts => ({
    'p/s.xml': `<system>\n<config>${variables}</config>\n${content}\n<hardware/><platform/></system>`,
  });
  const expressions = (content: string): string => `<expressions>${content}</expressions>`;

  it.each([
    ['twice the same name', config('<string name="a" value=""/><string name="a" value=""/>'), 'SRC-CONFIG p/s.xml:2'],
    ['no name', config('<string value=""/>'), 'SRC-CONFIG p/s.xml:2'],
    ['no boolean', config('<boolean name="a" value="maybe"/>'), 'LIB-CONFIG-BOOLEAN p/s.xml:2'],
    ['no integer', config('<integer name="a" value="99999999999"/>'), 'LIB-CONFIG-INTEGER p/s.xml:2'],
    ['a cycle', config('<string name="a" value="$b"/><string name="b" value="$a"/>'), 'SRC-EXPRESSION p/s.xml:2'],
    ['a wrong type', config('<string name="a" value="x"/><boolean name="b" value="$a"/>'), 'SRC-EXPRESSION p/s.xml:2'],
    ['an unknown name', config('<string name="a" value="$b"/>'), 'SRC-VARIABLE p/s.xml:2'],
    ['an unknown reference', config('', '<memory name="$x"/>'), 'SRC-VARIABLE p/s.xml:3'],
    ['a reference to a prototype', config('', '<memory name="$constructor"/>'), 'SRC-VARIABLE p/s.xml:3'],
    ['an unknown condition', config('', '<if variable="x" value="true"/>'), 'LIB-CONDITION-VARIABLE p/s.xml:3'],
    [
      'a condition without value',
      config('<boolean name="x" value="true"/>', '<if variable="x"/>'),
      'SRC-CONDITION p/s.xml:3',
    ],
    [
      'a condition of another type',
      config('<integer name="x" value="1"/>', '<if variable="x" value="one"/>'),
      'SRC-CONFIG p/s.xml:3',
    ],
    ['an empty case', config('<integer name="x" value="1"/>', '<case variable="x"/>'), 'SRC-CONDITION p/s.xml:3'],
    [
      'others before the end',
      config('<integer name="x" value="1"/>', '<case variable="x"><others/><when value="1"/></case>'),
      'SRC-CONDITION p/s.xml:3',
    ],
    [
      'two equal alternatives',
      config('<integer name="x" value="1"/>', '<case variable="x"><when value="1"/><when value="16#1#"/></case>'),
      'SRC-CONDITION p/s.xml:3',
    ],
    ['an empty expression', config('', expressions('<expression name="e"/>')), 'SRC-EXPRESSION p/s.xml:3'],
    [
      'an unknown operator',
      config('', expressions('<expression name="e"><xor/></expression>')),
      'SRC-EXPRESSION p/s.xml:3',
    ],
    [
      'a missing operand',
      config('', expressions('<expression name="e"><and><boolean value="true"/></and></expression>')),
      'SRC-EXPRESSION p/s.xml:3',
    ],
    [
      'a loose brace',
      config('', expressions('<expression name="e"><evalString value="a}"/></expression>')),
      'SRC-EXPRESSION p/s.xml:3',
    ],
  ])('%s is refused', (_what, texts, expected) => {
    expect(errors(texts)).toEqual([expected]);
  });

  it('chains of references and growing texts end at a bound', () => {
    const chain = Array.from({ length: 5000 }, (_, n) => `<string name="v${n}" value="$v${n + 1}"/>`).join('');
    expect(errors(config(chain))).toEqual(['SRC-LIMIT p/s.xml:2']);
    const growing = Array.from({ length: 60 }, (_, n) => {
      const part = n === 0 ? '<string value="x"/>' : `<variable name="e${n - 1}"/>`;
      return `<expression name="e${n}"><concatenation>${part}${part}</concatenation></expression>`;
    }).join('');
    expect(errors(config('', expressions(growing)))).toEqual(['SRC-LIMIT p/s.xml:3']);
  });
});

describe('amends', () => {
  it.each([
    ['<amend xpath="/system/none"><x/></amend>', 'SRC-AMEND'],
    ['<amend xpath="//subject"><x/></amend>', 'SRC-AMEND'],
    ['<amend xpath="/system"><nonsense/></amend>', 'SRC-AMEND'],
    ['<amend xpath="/system">text</amend>', 'SRC-AMEND'],
    ['<amend><x/></amend>', 'SRC-AMEND'],
    ['<amend xpath="/system"><amend xpath="."/></amend>', 'SRC-AMEND'],
    ['<amend xpath="/"><other/></amend>', 'SRC-AMEND'],
    ['<amend xpath="count(//x)"><x/></amend>', 'SRC-XPATH'],
    ['<amend xpath="/system["><x/></amend>', 'SRC-XPATH'],
    [`<amend xpath="${'//*['.repeat(50)}"><x/></amend>`, 'SRC-XPATH'],
  ])('%s is refused', (amend, code) => {
    expect(
      errors({ 'p/s.xml': system(`<subjects><subject name="a"/><subject name="b"/></subjects>\n${amend}`) }),
    ).toEqual([`${code} p/s.xml:4`]);
  });

  it('a path that would look at everything for everything ends at a bound', () => {
    const many = '<subject name="a"/>'.repeat(20_000);
    const content = `<subjects>${many}</subjects>\n<amend xpath="//*[//*[//*[@name='b']]]"><x/></amend>`;
    let found: readonly string[] = [];
    const ms = cpuMs(() => {
      found = errors({ 'p/s.xml': system(content) });
    });
    expect(found).toEqual(['SRC-XPATH p/s.xml:4']);
    expect(ms).toBeLessThan(8000);
  });
});

describe('very many of one thing', () => {
  const many = (text: (n: number) => string): string => Array.from({ length: 40_000 }, (_, n) => text(n)).join('');

  it.each([
    ['variables', `<config>${many(n => `<integer name="v${n}" value="1"/>`)}</config>`],
    ['devices', `<hardware><devices>${many(n => `<device name="d${n}"/>`)}</devices></hardware>`],
    ['old subjects', `<subjects>${many(n => `<subject name="s${n}" profile="vm"><events/></subject>`)}</subjects>`],
    [
      'old frames',
      `<subjects><subject name="s"/></subjects><scheduling><majorFrame><cpu>${many(() => '<minorFrame subject="s" ticks="1"/>')}</cpu></majorFrame></scheduling>`,
    ],
    [
      'old domains',
      `<deviceDomains><domain><memory>${many(n => `<memory physical="m${n}"/>`)}</memory></domain></deviceDomains>`,
    ],
  ])('%s end in findings, soon', (_what, content) => {
    let ok = true;
    const ms = cpuMs(() => {
      const files = textFiles({ 'p/s.xml': `<system>\n${content}\n</system>` });
      ok = readSource({ policy: 'p/s.xml', includeDirectories: [] }, files).ok;
    });
    expect(ok).toBe(false);
    expect(ms).toBeLessThan(8000);
  });
});

describe('several mistakes are named together', () => {
  it('in includes, each file once', () => {
    const texts = {
      'p/s.xml': system('<include href="none.xml"/>\n<include href="a.xml"/>\n<include href="none.xml"/>'),
      'p/a.xml': '<include>\n<include href="gone.xml"/><include href="../../x.xml"/></include>',
    };
    expect(errors(texts)).toEqual(['SRC-FILE p/s.xml:3', 'SRC-FILE p/a.xml:2', 'SRC-ESCAPE p/a.xml:2']);
  });

  it('in a configuration', () => {
    const variables = '<boolean name="b" value="yes"/>\n<integer name="i" value="ten"/>';
    const references =
      '<expressions>\n<expression name="e"><not><variable name="ghost"/></not></expression>\n</expressions>';
    expect(
      errors({ 'p/s.xml': `<system>\n<config>${variables}</config>\n${references}<hardware/><platform/></system>` }),
    ).toEqual(['LIB-CONFIG-BOOLEAN p/s.xml:2', 'LIB-CONFIG-INTEGER p/s.xml:3', 'LIB-EXPRESSION-VARIABLE p/s.xml:5']);
    const doubled = '<boolean name="b" value="true"/>\n<integer name="b" value="1"/>\n<string name="" value="x"/>';
    expect(errors({ 'p/s.xml': `<system>\n<config>${doubled}</config></system>` })).toEqual([
      'SRC-CONFIG p/s.xml:3',
      'SRC-CONFIG p/s.xml:4',
    ]);
  });

  it('and a description that is not given, when a name is unknown', () => {
    expect(errors({ 'p/s.xml': '<system>\n<config/>\n<subjects name="$a"/></system>' })).toEqual([
      'SRC-VARIABLE p/s.xml:3',
      'SRC-PARTS p/s.xml:1',
    ]);
  });

  it('in expressions, and one that others depend on once', () => {
    const expressions = [
      '<expression name="a"><gt><boolean value="true"/><integer value="1"/></gt></expression>',
      '<expression name="b"><not><variable name="a"/></not></expression>',
      '<expression name="c"><and><boolean value="true"/></and></expression>',
    ].join('\n');
    expect(errors({ 'p/s.xml': system(`<expressions>\n${expressions}\n</expressions>`) })).toEqual([
      'SRC-EXPRESSION p/s.xml:4',
      'SRC-EXPRESSION p/s.xml:6',
    ]);
  });

  it('in templates, conditions, references and amends', () => {
    const several = (content: string) => errors({ 'p/s.xml': system(content) });
    expect(several('<useTemplate name="a"/>\n<useTemplate name="b"/>')).toEqual([
      'SRC-TEMPLATE p/s.xml:3',
      'SRC-TEMPLATE p/s.xml:4',
    ]);
    expect(several('<if variable="a" value="1"/>\n<case variable="b"/>')).toEqual([
      'LIB-CONDITION-VARIABLE p/s.xml:3',
      'LIB-CONDITION-VARIABLE p/s.xml:4',
    ]);
    expect(several('<subjects name="$a">\n<x>$b</x></subjects>')).toEqual([
      'SRC-VARIABLE p/s.xml:3',
      'SRC-VARIABLE p/s.xml:4',
    ]);
    expect(several('<amend/>\n<amend xpath="/system/ghost"/>')).toEqual(['SRC-AMEND p/s.xml:3', 'SRC-AMEND p/s.xml:4']);
  });

  it('in what a system configuration names, and in specifications', () => {
    const names = ['system', 'hardware', 'platform'].map(name => `<string name="${name}" value="${name}.xml"/>`);
    expect(errors({ 'p/s.xml': `<system><config>\n${names.join('\n')}</config></system>` })).toEqual([
      'SRC-FILE p/s.xml:2',
      'SRC-FILE p/s.xml:3',
      'SRC-FILE p/s.xml:4',
    ]);
  });
});

describe('whole sources', () => {
  it('every error of the grammar is reported, with its place', () => {
    const result = readSource(
      { policy: 'p/s.xml', includeDirectories: ['p'] },
      textFiles({
        'p/s.xml':
          '<system>\n<config/>\n<hardware wrong="x"/>\n<memory>\n<memory name="a" size="4096"/></memory></system>',
      }),
    );
    if (result.ok) throw new Error('accepted');
    const found = result.error.map(({ code, line }) => `${code} ${line}`);
    expect(found).toContain('POL-UNKNOWN-ATTRIBUTE 3');
    expect(found).toContain('POL-NUMBER 5');
    expect(found).toContain('POL-MISSING-ATTRIBUTE 5');
    expect(found).toContain('POL-MISSING-ELEMENT 1');
  });
});
