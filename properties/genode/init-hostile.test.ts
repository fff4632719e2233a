import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadInit } from '../../src/cli/commands/routes.ts';

const NAMES = ['config', 'start', 'route', 'service', 'any-service', 'parent', 'child', 'any-child', 'provides'];
const MORE_NAMES = [
  'default-route',
  'parent-provides',
  'default',
  'alias',
  'binary',
  'resource',
  'vfs',
  'log',
  'policy',
];
const KEYS = ['name', 'label', 'label_prefix', 'ram', 'caps', 'priority', 'child', 'quantum', 'prio_levels', 'ld'];
const VALUES = [
  'a',
  'init',
  'LOG',
  'ROM',
  'RAM',
  '1M',
  '-1',
  '0xffffffffffff',
  '99999999999999999999',
  '',
  ' -> ',
  'a -> b',
];

interface Node {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Node[];
}

const parts = {
  name: fc.constantFrom(...NAMES, ...MORE_NAMES),
  attributes: fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { maxKeys: 4 }),
};

/** Trees of the words that init knows, in places where it may not expect them. */
const tree = fc.letrec<{ leaf: Node; node: Node }>(tie => ({
  leaf: fc.record({ ...parts, children: fc.constant([]) }),
  node: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    tie('leaf'),
    fc.record({ ...parts, children: fc.array(tie('node'), { maxLength: 5 }) }),
  ),
})).node;

const toXml = ({ name, attributes, children }: Node): string => {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${value.replace('>', '&gt;')}"`);
  return `<${name}${list.join('')}>${children.map(toXml).join('')}</${name}>`;
};

test('no configuration makes init or its router fail', () => {
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 6 }), fc.constantFrom('2016' as const, '26.02' as const), (nodes, era) => {
      const bytes = new TextEncoder().encode(`<config>${nodes.map(toXml).join('')}</config>`);
      const init = loadInit(bytes, era);
      expect(init.ok).toBe(true);
      if (init.ok) for (const { decisions } of init.value.routes) expect(decisions.length).toBeGreaterThan(0);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('bytes that are no XML are a finding with a place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const init = loadInit(bytes, undefined);
      if (!init.ok) expect(init.error.hint).not.toBe('');
    }),
    { numRuns: 300, seed: 2 },
  );
});
