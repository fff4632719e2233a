import { expect, test } from 'vitest';
import { changingInit, inner, lines, living, runInit } from './init-run.ts';

const writer = (name: string, attributes = '', nodes = ''): string =>
  `<start name="${name}" ${attributes}><binary name="log_writer"/>${nodes}<config text="${name}" period_ms="5"/></start>`;

test('children whose nodes vanish end, new ones start, others live on', () => {
  const run = runInit(changingInit(inner(writer('a') + writer('b')), inner(writer('b') + writer('c'))), 90);
  expect(living(run)).toEqual(['core', 'init', 'timer', 'dynamic_rom', 'inner', 'b', 'c']);
  const b = lines(run, ' -> inner -> b');
  expect(b.length).toBeGreaterThan(10);
  expect(b).toEqual(b.map((_, index) => `b ${index + 1}`));
  expect(lines(run, ' -> inner -> a').length).toBeLessThan(15);
});

test('another version is another child', () => {
  const run = runInit(changingInit(inner(writer('a', 'version="1"')), inner(writer('a', 'version="2"'))), 90);
  expect(lines(run, ' -> inner -> a').filter(line => line === 'a 1')).toHaveLength(2);
});

test('a child with a session that would go elsewhere starts anew, also because its server does', () => {
  const pair = (version: string): string =>
    inner(`<start name="terminal_crosslink" version="${version}"><provides><service name="Terminal"/></provides></start>
      <start name="echo"><binary name="terminal_tester"/><config echo="yes"/></start>
      <start name="asker"><binary name="terminal_tester"/><config text="hi" count="1"/></start>${writer('other')}`);
  const run = runInit(changingInit(pair('1'), pair('2')), 100);
  expect(lines(run, ' -> inner -> asker')).toEqual(['terminal says "hi"', 'terminal says "hi"']);
  expect(lines(run, ' -> inner -> other').filter(line => line === 'other 1')).toHaveLength(1);
});

test('a child whose session leads nowhere is stuck until it leads somewhere again', () => {
  const route = (to: string): string =>
    `<route><service name="Timer">${to}</service><any-service><parent/></any-service></route>`;
  const good = inner(writer('a', '', route('<parent/>')));
  const run = runInit(changingInit(good, inner(writer('a', '', route('<child name="nobody"/>'))), good), 140);
  const a = lines(run, ' -> inner -> a');
  expect(a.filter(line => line === 'a 1')).toHaveLength(2);
  expect(a.length).toBeLessThan(24);
});

test('quota follows the configuration, up and down', () => {
  const withRam = (ram: string): string => inner(writer('a', `ram="${ram}"`));
  const ramAfter = (...rams: readonly string[]): { assigned: number; limit: number } => {
    const { state } = runInit(changingInit(...rams.map(withRam)), 40 + 50 * (rams.length - 1));
    const a = state.components.find(({ name, isAlive }) => name === 'a' && isAlive)!;
    const { ram } = state.books.get(a.init)!.children[a.child]!;
    return { assigned: a.assigned.ramBytes, limit: state.ram[ram]!.limit };
  };
  expect(ramAfter('512K', '1M')).toEqual(ramAfter('1M'));
  expect(ramAfter('1M', '512K')).toEqual(ramAfter('512K'));
  // The child keeps 16 KiB beyond what it uses, and an init has no more than it has.
  expect(ramAfter('512K', '8K').limit).toBeGreaterThanOrEqual(0x4000);
  expect(ramAfter('512K', '1G').assigned).toBeGreaterThan(0x20_0000);
});

test('a configuration that cannot be read is reported with its place, and changes nothing', () => {
  const run = runInit(changingInit(inner(writer('a')), '<config><start name="a" ram="lots"/></config>'), 90);
  expect(lines(run, ' -> inner')).toEqual([
    'configuration is not taken: line 1, column 9: ram="lots" of <start> is no amount',
  ]);
  expect(lines(run, ' -> inner -> a').filter(line => line === 'a 1')).toHaveLength(1);
});

test('another inline configuration only updates the ROM module of the child: a nested init follows it', () => {
  const nest = (nodes: string): string =>
    inner(`<start name="deep" ram="2M" caps="400"><binary name="init"/>${inner(nodes)}</start>`);
  const run = runInit(changingInit(nest(writer('a')), nest(writer('a') + writer('b'))), 90);
  expect(lines(run, ' -> inner -> deep -> a').filter(line => line === 'a 1')).toHaveLength(1);
  expect(lines(run, ' -> inner -> deep -> b')[0]).toBe('b 1');
});

test('a module that vanishes leaves an init without children', () => {
  const steps = `<inline>${inner(writer('a'))}</inline><sleep milliseconds="40"/><empty/><sleep milliseconds="500"/>`;
  const config = changingInit().replace('<rom name="config">', `<rom name="config">${steps}`);
  expect(living(runInit(config, 90))).toEqual(['core', 'init', 'timer', 'dynamic_rom', 'inner']);
});
