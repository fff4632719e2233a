import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkSchema } from '../../../src/cli/schema-check.ts';
import type { Finding } from '../../../src/policy/finding.ts';
import { collectSchema, mainSchema, type ReadSchema } from '../../../src/policy/schema/schema-files.ts';
import { elementAtXPath, validateSchema } from '../../../src/policy/schema/validate-schema.ts';
import { parseTree } from '../../../src/policy/tree.ts';
import { ok } from '../../../src/units/result.ts';
import { bytesOf, hasShared, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';

const schemaText = (body: string): string =>
  `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${body}</xs:schema>`;

/** A schema of two files, one of them for a format. */
const FILES: Readonly<Record<string, string>> = {
  'schema/system.xsd': schemaText(
    '<xs:include_format schemaLocation="./memory.xsd"/><xs:element name="system" type="systemType"/>',
  ),
  'schema/system_b/memory.xsd': schemaText(
    `<xs:complexType name="systemType"><xs:sequence>
      <xs:element name="memory" maxOccurs="unbounded"><xs:complexType>
        <xs:attribute name="size" type="xs:integer" use="required"/>
      </xs:complexType></xs:element></xs:sequence></xs:complexType>`,
  ),
};
const read: ReadSchema = path => ok(FILES[path] === undefined ? undefined : bytesOf(FILES[path]));

function treeOf(text: string) {
  const tree = parseTree(bytesOf(text), 'policy.xml');
  if (!tree.ok) throw new Error(tree.error.message);
  return tree.value;
}

async function validated(text: string): Promise<readonly Finding[]> {
  const schema = collectSchema('schema/system.xsd', 'b', read);
  if (!schema.ok) throw new Error(schema.error);
  const findings = await validateSchema(treeOf(text), schema.value);
  if (!findings.ok) throw new Error(findings.error);
  return findings.value;
}

describe('schemas', () => {
  it('are collected with their includes, those of the format among them', () => {
    const schema = collectSchema(mainSchema('schema/.', 'system')!, 'b', read);
    expect(schema.ok && [...schema.value.files.keys()]).toEqual(['schema/system.xsd', 'schema/system_b/memory.xsd']);
    expect(collectSchema('schema/system.xsd', 'a', read)).toEqual({
      ok: false,
      error: 'cannot read schema/system_a/memory.xsd: there is no such file',
    });
  });

  it('may include each other', () => {
    const loop: ReadSchema = path =>
      ok(bytesOf(schemaText(`<xs:include schemaLocation="${path === 'a.xsd' ? 'b' : 'a'}.xsd"/>`)));
    const schema = collectSchema('a.xsd', 'b', loop);
    expect(schema.ok && [...schema.value.files.keys()]).toEqual(['a.xsd', 'b.xsd']);
  });

  it.each([
    ['a document type', '<!DOCTYPE x [<!ENTITY a "b">]><xs:schema/>', 'document type'],
    ['ever more files', schemaText('<xs:include schemaLocation="x/next.xsd"/>'), 'more than 256 files'],
  ])('with %s are refused', (_, text, problem) => {
    const schema = collectSchema('a.xsd', 'b', () => ok(bytesOf(text)));
    expect(schema.ok ? '' : schema.error).toContain(problem);
  });

  it.each(['<xs:schema/>', '<x/>', '', schemaText('<xs:element name="a" type="none"/>')])(
    'that are none give an error: %s',
    async text => {
      const result = await validateSchema(treeOf('<system/>'), { main: 'a.xsd', files: new Map([['a.xsd', text]]) });
      expect(result.ok ? '' : result.error).toContain('a.xsd is no XML schema');
    },
  );
});

describe('validation', () => {
  it('accepts what fits, with white space and comments', async () => {
    expect(await validated('<system>\n <!-- note -->\n <memory size="1">\n </memory>\n</system>')).toEqual([]);
  });

  it('names file, line and column of what does not', async () => {
    const found = await validated('<system>\n <memory size="1"/>\n\n  <memory size="big"/>\n <memory/>\n</system>');
    expect(found.map(({ code, file, line, column }) => [code, file, line, column])).toEqual([
      ['XSD-INVALID', 'policy.xml', 4, 3],
      ['XSD-INVALID', 'policy.xml', 5, 2],
    ]);
    expect(found[0]!.message).toContain("'big' is not a valid value");
  });

  it('bounds its findings', async () => {
    expect(await validated(`<system>${'<memory/>'.repeat(500)}</system>`)).toHaveLength(201);
  });

  it('leaves a document that is no XML, or a bomb, to its reader', async () => {
    const bomb = '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><system>&b;</system>';
    const deep = '<a>'.repeat(100_000);
    for (const text of [bomb, deep, '<system']) {
      expect(await checkSchema(bytesOf(text), 'p.xml', 'nowhere')).toEqual(ok([]));
    }
  });

  it('finds elements by the paths of libxml2', () => {
    const { root } = treeOf('<system><a/><b/><a><c n="1"/></a></system>');
    expect(elementAtXPath(root, '/system/a[2]/c')?.attributes.n).toBe('1');
    expect(elementAtXPath(root, '/system/a[3]')).toBeUndefined();
    expect(elementAtXPath(root, '/other')).toBeUndefined();
  });
});

const SCHEMA = fileURLToPath(sharedPath('muen/2024-11/tools/libmuxml/schema'));
const folders = (path: string): string[] =>
  hasShared ? readdirSync(sharedPath(path)).filter(name => existsSync(sharedPath(`${path}/${name}/policy_b.xml`))) : [];

describe.skipIf(!hasShared)(`the real schemas (${SKIP_REASON})`, () => {
  it.each(folders('golden/systems').flatMap(name => ['src', 'a', 'b'].map(format => [name, format] as const)))(
    '%s fits format %s',
    async (name, format) => {
      const bytes = sharedBytes(`golden/systems/${name}/policy_${format}.xml`);
      expect(await checkSchema(bytes, 'policy.xml', SCHEMA)).toEqual(ok([]));
    },
  );

  it.each([57, 61, 87, 121, 163])('mutation %i is rejected with its line', async nr => {
    const bytes = sharedBytes(`golden/mutations/${String(nr).padStart(3, '0')}.xml.gz`);
    const found = await checkSchema(bytes, 'policy.xml', SCHEMA);
    if (!found.ok) throw new Error(found.error);
    expect(found.value.length).toBeGreaterThan(0);
    const real = JSON.parse(readFileSync(sharedPath('golden/mutations/index.json'), 'utf8')) as {
      nr: number;
      messages: string[];
    }[];
    const messages = real.find(entry => entry.nr === nr)!.messages.join(' ');
    const [, line = ''] = /policy\.xml:(\d+):/.exec(messages) ?? [];
    expect(found.value.map(finding => finding.line)).toContain(Number(line));
  });

  it('takes a single file, and says what it does not have', async () => {
    const bytes = sharedBytes('golden/systems/demo_system_vtd--qemu-kvm/policy_b.xml');
    expect(await checkSchema(bytes, 'p.xml', `${SCHEMA}/system.xsd`)).toEqual(ok([]));
    const other = await checkSchema(bytesOf('<other/>'), 'p.xml', SCHEMA);
    expect(other.ok ? '' : other.error).toContain('no schema is known');
    const none = await checkSchema(bytes, 'p.xml', `${SCHEMA}/none`);
    expect(none.ok ? '' : none.error).toContain('there is no such file');
  });

  it.each(folders('golden/systems'))('%s: components fit', async name => {
    for (const file of readdirSync(sharedPath(`golden/systems/${name}/cspecs`)).filter(entry =>
      entry.endsWith('.xml'),
    )) {
      const found = await checkSchema(sharedBytes(`golden/systems/${name}/cspecs/${file}`), file, SCHEMA);
      expect(found).toEqual(ok([]));
    }
  });
});
