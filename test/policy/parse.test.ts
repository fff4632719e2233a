import { describe, expect, it } from 'vitest';
import { checkPolicy } from '../../src/policy/check.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { bytesOf, parsed } from './shared-files.ts';
import { smallPolicy } from './small-policy.ts';

const base = smallPolicy();

/** Replaces the first occurrence, which must exist. */
function edit(from: string | RegExp, to: string): string {
  const text = base.replace(from, to);
  expect(text).not.toBe(base);
  return text;
}

function findings(text: string) {
  const result = parsePolicy(bytesOf(text));
  if (result.ok) throw new Error('accepted');
  for (const { line, column, hint, message } of result.error) {
    expect([line >= 0, column >= 0, hint.length > 0, message.length > 0]).toEqual([true, true, true, true]);
  }
  return result.error;
}

const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;

describe('a small valid policy', () => {
  const { document, findings: none } = parsed(bytesOf(base));

  it('gives its document', () => {
    expect(none).toEqual([]);
    expect(document.config).toMatchObject([
      { kind: 'boolean', name: 'debug', value: 'true' },
      { kind: 'integer', name: 'count', value: '3' },
      { kind: 'string', name: 'title', value: 'small & complete' },
    ]);
    expect(document.hardware.processor).toMatchObject({
      cpuCores: 1,
      speedKhz: 2_000_000,
      vmxTimerRate: 5,
      msrs: [{ value: 5n }],
    });
    expect(document.hardware.devices[0]?.capabilities[1]).toMatchObject({ name: 'agaw', value: '39' });
    expect(document.memory[0]).toMatchObject({
      name: 'kernel_0|vmxon',
      physicalAddress: 0x8000,
      sizeBytes: 0x1000,
      content: { kind: 'fill', pattern: 0 },
    });
    const [alpha, beta] = document.subjects;
    expect(alpha).toMatchObject({ name: 'alpha', globalId: 0, schedGroupId: 1, vcpu: { gpr: { rip: 0x20_0000n } } });
    expect(alpha?.vcpu.controls.entry.IA32eModeGuest).toBe(1);
    expect(alpha?.vcpu.segments.cs).toEqual({ selector: 8, base: 0n, limit: 0xffff_ffff, access: 0xa09b });
    expect(alpha?.sourceGroups.map(group => [group.name, group.events.length])).toEqual([
      ['vmx_exit', 52],
      ['vmcall', 1],
    ]);
    expect(alpha?.sourceGroups[0]?.events[0]?.action).toEqual({ kind: 'system_panic' });
    expect(beta?.targetEvents).toMatchObject([{ id: 3, action: { kind: 'inject_interrupt', vector: 40 } }]);
    expect(beta).not.toHaveProperty('siblingOf');
    expect(document.scheduling.majorFrames[0]?.cpus[0]?.minorFrames).toMatchObject([
      { partition: 'alpha', ticks: 10, barrier: 'none' },
      { partition: 'beta', ticks: 20, barrier: 'none' },
    ]);
  });

  it('keeps the line of every node', () => {
    expect(document.subjects.map(subject => subject.at)).toEqual([
      { line: lineOf(base, 'name="alpha" schedGroupId'), column: 3 },
      { line: lineOf(base, 'name="beta" schedGroupId'), column: 3 },
    ]);
  });

  it('satisfies all rules', () => {
    expect(checkPolicy(document).findings).toEqual([]);
  });

  it('does not depend on the order of attributes, on quotes or on comments', () => {
    const other = base
      .replace('<event mode="async" name="wake"/>', "<!-- x --><event name='wake'\n mode='async'/>")
      .replace('<boolean name="debug" value="true"/>', '<boolean value="true" name="debug"/>');
    const strip = (text: string) =>
      JSON.stringify(parsed(bytesOf(text)).document, (key, value) =>
        key === 'at' ? undefined : typeof value === 'bigint' ? `${value}` : value,
      );
    expect(strip(other)).toBe(strip(base));
  });
});

describe('what does not fit the schema', () => {
  it.each<[string, string | RegExp, string, string]>([
    ['POL-UNKNOWN-ELEMENT', '<deviceDomains/>', '<deviceDomains/><extra/>', 'extra'],
    ['POL-UNKNOWN-ATTRIBUTE', '<event mode="async"', '<event colour="red" mode="async"', 'colour'],
    ['POL-MISSING-ATTRIBUTE', 'mode="async" ', '', 'mode'],
    ['POL-MISSING-ELEMENT', '<msrs/>', '', 'msrs'],
    ['POL-DUPLICATE-ELEMENT', '<msrs/>', '<msrs/><msrs/>', 'msrs'],
    [
      'POL-DUPLICATE-ELEMENT',
      '<fill pattern="16#00#"/>',
      '<fill pattern="16#00#"/><file filename="f" offset="none"/>',
      'file',
    ],
    ['POL-DUPLICATE-ELEMENT', '<system_panic/>', '<system_panic/><subject_sleep/>', 'subject_sleep'],
    ['POL-ELEMENT-ORDER', '<bootparams/>', '', 'vcpu'],
    ['POL-TEXT', '<events>\n', '<events>\n  stray\n', 'stray'],
    ['POL-ENUM', 'mode="async"', 'mode="later"', 'later'],
    ['POL-ENUM', 'type="kernel_vmcs"', 'type="kernel_vcms"', 'kernel_vcms'],
    ['POL-ENUM', 'caching="UC"', 'caching="XX"', 'XX'],
    ['POL-ENUM', 'alignment="16#1000#"', 'alignment="16#2000#"', '16#2000#'],
    ['POL-BOOLEAN', 'writable="true"', 'writable="yes"', 'yes'],
    ['POL-BIT', '<NMIExiting>1', '<NMIExiting>on', 'on'],
    ['POL-NUMBER', 'ticks="10"', 'ticks="ten"', 'ten'],
    ['POL-NUMBER', 'size="16#1000#"', 'size="4096"', '4096'],
    ['POL-RANGE', 'vmxTimerRate="5"', 'vmxTimerRate="32"', '32'],
    ['POL-RANGE', 'id="1" logical="wake"', 'id="64" logical="wake"', '64'],
    ['POL-RANGE', 'vector="40"', 'vector="256"', '256'],
    ['POL-RANGE', 'tickRate="1000"', 'tickRate="0"', '"0"'],
    ['POL-RANGE', 'physicalAddress="16#8000#"', 'physicalAddress="16#0010_0000_0000_0000#"', '16#0010_0000_0000_0000#'],
    ['POL-NAME', 'logical="wake"', `logical="${'w'.repeat(64)}"`, 'www'],
  ])('%s: %s -> %s', (code, from, to, named) => {
    const text =
      code === 'POL-ELEMENT-ORDER'
        ? edit('<bootparams/>', '').replace('   <vcpu>', '   <bootparams/><vcpu>')
        : edit(from, to);
    const found = findings(text);
    expect(found.map(finding => finding.code)).toEqual([code]);
    expect(found[0]!.message).toContain(named);
  });

  it('points at the attribute and names what was found and expected', () => {
    const text = edit('ticks="20"', 'ticks="-3"');
    const line = lineOf(text, 'ticks="-3"');
    const column = text.split('\n')[line - 1]!.indexOf('ticks') + 1;
    expect(findings(text)).toEqual([
      {
        code: 'POL-RANGE',
        severity: 'error',
        message: 'minorFrame/@ticks is "-3", expected a number of ticks 1 .. 4294967295',
        line,
        column,
        hint: 'Use a number within the range.',
      },
    ]);
  });

  it('reports everything, in the order of the file', () => {
    const text = base
      .replace('mode="async"', 'mode="x"')
      .replace('vmxTimerRate="5"', 'vmxTimerRate="99"')
      .replace('ticks="20"', 'ticks="q"');
    expect(findings(text).map(finding => finding.code)).toEqual(['POL-RANGE', 'POL-ENUM', 'POL-NUMBER']);
  });

  it('stops at 200 findings and says how many more there are', () => {
    const text = edit('<event mode="async" name="wake"/>', '<event/>'.repeat(150));
    const found = findings(text);
    expect(found).toHaveLength(201);
    expect(found.at(-1)).toMatchObject({ code: 'POL-MORE', severity: 'notice', line: 0 });
    expect(found.at(-1)!.message).toMatch(/^100 more/);
  });

  it('treats names of Object.prototype as unknown', () => {
    expect(findings(edit('<deviceDomains/>', '<deviceDomains/><__proto__/><constructor/>')).map(f => f.code)).toEqual([
      'POL-UNKNOWN-ELEMENT',
      'POL-UNKNOWN-ELEMENT',
    ]);
    expect(findings(edit('<event mode', '<event __proto__="x" mode')).map(f => f.code)).toEqual([
      'POL-UNKNOWN-ATTRIBUTE',
    ]);
  });
});

describe('other formats and files', () => {
  it('names the root that it found', () => {
    expect(findings('<component name="x"/>')).toMatchObject([{ code: 'POL-ROOT', line: 1, column: 1 }]);
    expect(findings('<policy/>')[0]!.message).toContain('<policy>');
  });

  it('says that a policy without addresses is format A', () => {
    const text = base.replaceAll(
      / physicalAddress="16#00[0-9a-f]{2}_[0-9a-f]{4}#" size="16#.000#" type/g,
      ' size="16#1000#" type',
    );
    expect(findings(text)).toMatchObject([{ code: 'POL-FORMAT' }]);
    expect(findings(text)[0]!.hint).toContain('policy_b.xml');
  });

  it('treats one missing address as a mistake, not as format A', () => {
    const found = findings(edit(' physicalAddress="16#8000#"', ''));
    expect(found).toMatchObject([{ code: 'POL-MISSING-ATTRIBUTE' }]);
    expect(found[0]!.hint).toContain('mucfgalloc');
  });

  it.each([
    ['<events>', '<channels/><events>'],
    ['<config>', '<config/><expressions/><config>'],
    ['id="1" logical="wake"', 'id="auto" logical="wake"'],
    ['size="16#1000#"', 'size="$page"'],
  ])('recognises the source format in %s -> %s', (from, to) => {
    const found = findings(edit(from, to));
    expect(new Set(found.map(finding => finding.code))).toEqual(new Set(['POL-FORMAT']));
  });

  it('names the schedule of the years before partitions', () => {
    const found = findings(base.replaceAll(/<minorFrame barrier="none" partition=/g, '<minorFrame subject='));
    expect(found.map(finding => finding.code)).toEqual(['POL-OLD-SCHEDULING', 'POL-OLD-SCHEDULING']);
    expect(found[0]!.message).toContain('alpha');
  });
});
