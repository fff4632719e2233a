import { describe, expect, it } from 'vitest';
import { readPolicy } from '../../src/policy/parse.ts';
import {
  cloneTree,
  createElement,
  createText,
  descendantsNamed,
  elementAt,
  elementsAt,
  ensureElement,
  insertBefore,
  type PolicyTree,
  parseTree,
  removeChild,
  replaceChild,
  toXmlDocument,
} from '../../src/policy/tree.ts';
import { writeTree } from '../../src/policy/tree-write.ts';

const encoder = new TextEncoder();

function tree(text: string, file = 'dir/system.xml'): PolicyTree {
  const parsed = parseTree(encoder.encode(text), file);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

/** A tree without its places, as written out. */
const written = (text: string): string => writeTree(tree(text));

describe('reading', () => {
  it('names the file at every element and in the error', () => {
    expect(elementAt(tree('<a>\n <b c="1"/>\n</a>').root, 'b')?.at).toEqual({
      line: 2,
      column: 2,
      file: 'dir/system.xml',
    });
    expect(parseTree(encoder.encode('<a>\n<b></a>'), 'x.xml')).toMatchObject({
      ok: false,
      error: { code: 'XML-MISMATCH', file: 'x.xml', line: 2 },
    });
    expect(parseTree(Uint8Array.of(0x3c, 0xff), 'x.xml')).toMatchObject({ ok: false, error: { file: 'x.xml' } });
  });
});

describe('writing', () => {
  it('gives the tree back', () => {
    const text = '<a b="1" a="&lt;&quot;&#10;">\n <c>x &amp; y &lt;</c>\n <d/>\n</a>\n';
    expect(written(text)).toBe(`<?xml version="1.0" encoding="utf-8"?>\n${text}`);
    expect(written(written(text))).toBe(written(text));
  });
});

describe('editing', () => {
  it('finds by paths of names, in document order', () => {
    const { root } = tree('<s><x><y n="1"/></x><z/><x><y n="2"/><y n="3"/></x></s>');
    expect(elementsAt(root, 'x/y').map(({ attributes }) => attributes.n)).toEqual(['1', '2', '3']);
    expect(descendantsNamed(root, 'y')).toEqual(elementsAt(root, 'x/y'));
    expect(elementAt(root, 'z/y')).toBeUndefined();
  });

  it('inserts, replaces and removes', () => {
    const { root } = tree('<s><x/><z/></s>');
    insertBefore(root, createElement(root, 'y'), ['z', 'x2']);
    insertBefore(root, createElement(root, 'end'), ['missing']);
    replaceChild(root, elementAt(root, 'x')!, [createElement(root, 'x1'), createText(root, 'x2', 'text')]);
    removeChild(root, elementAt(root, 'z')!);
    ensureElement(root, 'end/inner/most').attributes.a = '1';
    expect(writeTree({ root }).replaceAll(/\n\s*/g, '')).toBe(
      '<?xml version="1.0" encoding="utf-8"?><s><x1/><x2>text</x2><y/><end><inner><most a="1"/></inner></end></s>',
    );
  });

  it('copies deeply', () => {
    const original = tree('<s><x a="1"><y/></x></s>');
    const copy = cloneTree(original);
    expect(copy).toEqual(original);
    elementAt(copy.root, 'x')!.attributes.a = '2';
    elementAt(copy.root, 'x')!.children.pop();
    expect(writeTree(original)).toBe(written('<s><x a="1"><y/></x></s>'));
  });
});

describe('reading a tree as a policy', () => {
  it('points findings at the file and attribute, also of elements that were added', () => {
    const { root } = tree('<system>\n <memory>\n  <memory\n    bad="1"/>\n </memory>\n <kernel/>\n</system>', 'a.xml');
    const added = createElement(elementAt(root, 'kernel')!, 'kernel', { wrong: 'x' });
    elementAt(root, 'memory')!.children[0]!.attributes.physicalAddress = '16#0000#';
    root.children.push(added);
    const result = readPolicy(toXmlDocument({ root }));
    if (result.ok) throw new Error('accepted');
    expect(result.error).toContainEqual(expect.objectContaining({ file: 'a.xml', line: 4, column: 5 }));
    expect(result.error).toContainEqual(
      expect.objectContaining({ file: 'a.xml', line: 6, column: 2, message: expect.stringContaining('wrong') }),
    );
  });
});
