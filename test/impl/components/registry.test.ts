import { describe, expect, test } from 'vitest';
import { checkRows, readRows, writeRows } from '../../../src/impl/components/parameter-rows.ts';
import { COMPONENTS, standIns } from '../../../src/impl/components/registry.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { createSoftware } from '../../../src/impl/software.ts';
import type { PolicyDocument } from '../../../src/policy/document.ts';
import { goldenDocument, goldenMissing, goldenSystems } from '../golden.ts';

describe.skipIf(goldenMissing !== '')(`stand-ins for the components of real systems ${goldenMissing}`, () => {
  const known = new Map<string, PolicyDocument>();
  const documentOf = (name: string): PolicyDocument => {
    const document = known.get(name) ?? goldenDocument(name);
    known.set(name, document);
    return document;
  };
  const systems = goldenSystems.filter(name => name.startsWith('systems/'));

  test.each(systems)('%s: all that are recognised can be created', name => {
    const found = standIns(documentOf(name));
    expect(found.length).toBeGreaterThan(2);
    for (const { software, parameters } of found)
      expect(createSoftware(software, parameters, defaultSeams)).toMatchObject({ ok: true });
  });

  test('the demo system has one for all but its Linux subjects', () => {
    const document = documentOf('systems/demo_system_vtd--qemu-kvm');
    const found = standIns(document);
    const bare = document.subjects.map(({ name }) => name).filter(name => !found.some(row => row.subject === name));
    expect(bare).toEqual(['nic_linux', 'storage_linux']);
    const controller = found.find(({ software }) => software === 'controller')!;
    expect(String(controller.parameters.subjects).split('\n')).toEqual([
      '0x100000000 0x100005000 self fixed',
      '0x100001000 0x100006000 controlled slot 0xa 0xb',
      '0x100002000 0x100007000 self fixed',
      '0x100003000 0x100008000 controlled fixed',
      '0x100004000 0x100009000 controlled slot',
    ]);
    expect(found.find(({ subject }) => subject === 'nic_dm')!.parameters.devices).toBe('0x8 0xf8008000');
  });

  test('every stand-in of the table is recognised in some real system', () => {
    const used = new Set(systems.flatMap(name => standIns(documentOf(name)).map(({ software }) => software)));
    expect([...Object.keys(COMPONENTS)].filter(name => !used.has(name))).toEqual([]);
  });
});

describe('tables as parameters', () => {
  const COLUMNS = ['number', ['self', 'controlled']] as const;

  test('are written and read', () => {
    const rows = [
      [0x1000, 'self', 1, 2],
      [0, 'controlled'],
    ];
    expect(readRows(writeRows(rows), COLUMNS, 'number')).toEqual(rows);
  });

  test.each([
    ['0x1 self 0x2', /line 1 has 3 words, expected 2/],
    ['0x1', /line 1 has 1 words/],
    ['0x1 self\n1 self', /line 2: "1" is not 0x/],
    ['0x1 other', /"other" is not self or controlled/],
    ['0x1234567890abc self', /is not 0x and up to 12/],
  ])('%j is refused', (text, message) => {
    expect(checkRows(COLUMNS)(text)).toMatch(message);
  });

  test('have a bound', () => {
    expect(checkRows(COLUMNS)('0x1 self\n'.repeat(1025))).toMatch(/more than 1024 lines/);
  });
});
