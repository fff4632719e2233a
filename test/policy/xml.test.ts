import { describe, expect, it } from 'vitest';
import { attributeOffset } from '../../src/policy/attribute-place.ts';
import { positionAt } from '../../src/policy/policy-lines.ts';
import { parseXml, parseXmlText, XML_LIMITS } from '../../src/policy/xml.ts';
import { bytesOf } from './shared-files.ts';

function tree(text: string) {
  const result = parseXmlText(text);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refusal(text: string): string {
  const result = parseXmlText(text);
  if (result.ok) throw new Error(`accepted: ${text}`);
  const { code, line, column, hint } = result.error;
  expect(hint).not.toBe('');
  return `${code} ${line}:${column}`;
}

describe('XML tree', () => {
  it('keeps elements, attributes, text and the place of every start tag', () => {
    const { root } = tree(
      '\uFEFF<?xml version="1.0"?>\r\n<a x="1" y="&lt;2&#65;">\r\n <!-- c --> <b/>\n  <c>t &amp; u</c></a>',
    );
    expect(root).toMatchObject({ name: 'a', at: { line: 2, column: 1 }, attributes: { x: '1', y: '<2A' } });
    expect(root.children.map(({ name, at, text }) => [name, at.line, at.column, text])).toEqual([
      ['b', 3, 13, ''],
      ['c', 4, 3, 't & u'],
    ]);
  });

  it('finds the place of attributes over several lines', () => {
    const document = tree('<a>\n <b one=\'x="1"\'\n    two = "2"/></a>');
    const b = document.root.children[0]!;
    const at = (name: string) => positionAt(document.starts, attributeOffset(document.source, b, name));
    expect([at('one'), at('two'), at('three')]).toEqual([
      { line: 2, column: 5 },
      { line: 3, column: 5 },
      { line: 2, column: 2 },
    ]);
  });

  it('finds the place of text after comments, elements and CDATA', () => {
    const document = tree('<a>\n <!-- c -->\n <b/>\n  hi</a>');
    expect(positionAt(document.starts, document.root.textOffset)).toEqual({ line: 4, column: 3 });
    expect(tree('<a><b/>\n</a>').root.textOffset).toBe(-1);
    expect(tree('<a><![CDATA[ <x> ]]></a>').root.text).toBe(' <x> ');
  });

  it('accepts attribute names of Object.prototype', () => {
    expect(tree('<a __proto__="1" constructor="2"/>').root.attributes).toMatchObject({ constructor: '2' });
    expect(Object.keys(tree('<a __proto__="1"/>').root.attributes)).toEqual(['__proto__']);
  });

  it.each([
    ['', 'XML-EMPTY 1:1'],
    ['  \n', 'XML-EMPTY 2:1'],
    ['<a', 'XML-TRUNCATED 1:3'],
    ['<a>\n<b>', 'XML-TRUNCATED 2:4'],
    ['<a></a', 'XML-TRUNCATED 1:7'],
    ['<a>\n <b></c></a>', 'XML-MISMATCH 2:5'],
    ['<a/><b/>', 'XML-ROOTS 1:5'],
    ['x<a/>', 'XML-OUTSIDE 1:1'],
    ['<a/> y', 'XML-OUTSIDE 1:6'],
    ['<a p="1"\n q="2" p="3"/>', 'XML-DUPLICATE-ATTRIBUTE 2:8'],
    ['<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', 'XML-DOCTYPE 1:1'],
    ['<a>&e;</a>', 'XML-ENTITY 1:4'],
    ['<a b="&e;"/>', 'XML-ENTITY 1:7'],
    ['<a>&#0;</a>', 'XML-ENTITY 1:4'],
    ['<a>&</a>', 'XML-ENTITY 1:4'],
    ['<a>\u0000</a>', 'XML-CHARACTER 1:4'],
    ['<a b="<"/>', 'XML-CHARACTER 1:7'],
    ['<?p q?><a/>', 'XML-PI 1:1'],
    ['<a>\n<?p?></a>', 'XML-PI 2:1'],
    ['<x:a/>', 'XML-NAMESPACE 1:1'],
    ['<a xmlns="u"/>', 'XML-NAMESPACE 1:4'],
    ['<a b=1/>', 'XML-MALFORMED 1:6'],
    ['<?xml version="1.0" encoding="latin1"?><a/>', 'XML-ENCODING 1:31'],
  ])('refuses %j as %s', (text, expected) => {
    expect(refusal(text)).toBe(expected);
  });
});

describe('XML limits', () => {
  const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);

  it('accepts the deepest nesting and refuses one more', () => {
    expect(parseXmlText(nested(64)).ok).toBe(true);
    expect(refusal(nested(65))).toBe(`XML-TOO-DEEP 1:${64 * 3 + 1}`);
  });

  it('bounds the number of elements', () => {
    const limits = { ...XML_LIMITS, maxElements: 3 };
    expect(parseXmlText('<a><b/><b/></a>', limits).ok).toBe(true);
    expect(parseXmlText('<a><b/><b/><b/></a>', limits)).toMatchObject({ ok: false, error: { code: 'XML-TOO-MANY' } });
  });

  it('says which element a closing tag does not close', () => {
    const message = (text: string): string => {
      const result = parseXmlText(text);
      return result.ok ? '' : result.error.message;
    };
    expect(message('<a>\n <chanels>\n </channels></a>')).toBe('</channels> does not close <chanels> of line 2');
    expect(message('<a></b>')).toBe('</b> does not close <a> of line 1');
    expect(message('<a/></b>')).toBe('</b> closes no element');
  });

  it('refuses 100 MB without reading them', () => {
    const bytes = new Uint8Array(100_000_000);
    const before = performance.now();
    expect(parseXml(bytes)).toMatchObject({ ok: false, error: { code: 'XML-TOO-LARGE', line: 0 } });
    expect(performance.now() - before).toBeLessThan(1000);
  });

  // Anything quadratic in these takes many minutes.
  it('is linear in wide, long and escaped input', { timeout: 60_000 }, () => {
    expect(parseXmlText(`<a>${'<b c="d"/>'.repeat(200_000)}</a>`).ok).toBe(true);
    expect(parseXmlText(`<a b="${'x'.repeat(4_000_000)}"/>`).ok).toBe(true);
    expect(parseXmlText(`<a>${'&amp;'.repeat(500_000)}</a>`).ok).toBe(true);
    expect(parseXmlText(`<a>${'x<!-- -->'.repeat(300_000)}</a>`).ok).toBe(true);
  });
});

describe('encoding', () => {
  it('accepts UTF-8 with and without a byte order mark', () => {
    expect(parseXml(bytesOf('<a b="ä"/>'))).toMatchObject({ ok: true, value: { root: { attributes: { b: 'ä' } } } });
    expect(parseXml(bytesOf('\uFEFF<a/>'))).toMatchObject({
      ok: true,
      value: { root: { at: { line: 1, column: 1 } } },
    });
  });

  it.each([
    ['a latin1 letter', [0x3c, 0x61, 0x3e, 0x0a, 0xe4, 0x20], '2:1', 'byte 4'],
    ['an overlong form', [0x3c, 0xc0, 0x80], '1:2', 'byte 1'],
    ['a surrogate', [0x3c, 0x61, 0xed, 0xa0, 0x80], '1:3', 'byte 2'],
    ['a cut character', [0x3c, 0x61, 0xe2, 0x82], '1:3', 'byte 2'],
    ['UTF-16', [0xff, 0xfe, 0x3c, 0x00], '1:1', 'byte 0'],
  ])('refuses %s at the bad byte', (_, bytes, place, message) => {
    const result = parseXml(Uint8Array.from(bytes));
    if (result.ok) throw new Error('accepted');
    expect(result.error.code).toBe('XML-ENCODING');
    expect(`${result.error.line}:${result.error.column}`).toBe(place);
    expect(result.error.message).toContain(message);
  });
});
