import { describe, expect, test } from 'vitest';
import { readInitConfig } from '../../../../src/impl/genode/init/read-config.ts';
import { reading, rootOf, startOf } from './init-text.ts';

describe('start nodes', () => {
  test('attributes go before resource nodes, these before defaults', () => {
    const read = reading(`<default ram="1M" caps="10"/>
      <start name="a"/>
      <start name="b"><resource name="RAM" quantum="2M"/><resource name="CAP" quantum="20"/></start>
      <start name="c" ram="0x1000" caps="30"><resource name="RAM" quantum="2M"/></start>`);
    expect(read.config.starts.map(({ ramBytes, caps }) => [ramBytes, caps])).toEqual([
      [2 ** 20, 10],
      [2 ** 21, 20],
      [0x1000, 30],
    ]);
  });
  test('binary, version, ld, exit and priority', () => {
    const text =
      '<start name="a" priority="-1" ld="no" version="3" ram="1" caps="1"><binary name="p"/><exit propagate="yes"/></start>';
    const read = reading(text);
    expect(startOf(read, 'a')).toMatchObject({
      binary: 'p',
      priority: -1,
      isDynamic: false,
      version: '3',
      propagatesExit: true,
    });
  });
  test('a priority beyond the lowest level is moved there', () => {
    const { config, findings } = readInitConfig(
      rootOf('<config prio_levels="2"><start name="a" ram="1" caps="1" priority="-5"/></config>'),
    );
    expect(config.starts[0]!.priority).toBe(-1);
    expect(findings.map(finding => finding.code)).toEqual(['INIT-PRIORITY']);
  });
  test('a configuration without any caps is of the time before caps', () => {
    expect(reading('<start name="a" ram="1"/>').config.era).toBe('2016');
    expect(reading('<start name="a" ram="1" caps="1"/>').config.era).toBe('26.02');
  });
});

describe('diagnostics with their places', () => {
  test.each([
    ['<start/>', 'INIT-NAME-MISSING', 'start node without name'],
    ['<start name="a" ram="1" caps="1"/>\n<start name="a"/>', 'INIT-DUPLICATE', 'child "a" already exists'],
    ['<start name="a" ram="many" caps="1"/>', 'INIT-AMOUNT', 'ram="many"'],
    ['<start name="a" caps="1"/>', 'INIT-NO-RAM', 'no RAM assigned to child "a"'],
    ['<start name="a" ram="1M"/><default caps="0"/>', 'INIT-NO-CAPS', 'no caps assigned'],
    [`<start name="${'x'.repeat(64)}" ram="1" caps="1"/>`, 'INIT-NAME-LENGTH', 'too long'],
    ['<default-route><service/></default-route>', 'INIT-NAME-MISSING', 'service without a valid name'],
    ['<default-route><nonsense/></default-route>', 'INIT-UNKNOWN-NODE', '<nonsense> in a route'],
    ['<default-route><any-service/></default-route>', 'INIT-NO-TARGET', 'has no target'],
    ['<default-route><any-service><child/></any-service></default-route>', 'INIT-NAME-MISSING', 'child target'],
    ['<default-route><any-service><child name="x"/></any-service></default-route>', 'INIT-UNKNOWN-CHILD', '"x"'],
    ['<alias name="a"/>', 'INIT-NAME-MISSING', 'alias without'],
    ['<start name="a" ram="1" caps="1" priority="3"/>', 'INIT-PRIORITY', 'invalid priority "3"'],
  ])('%s: %s', (text, code, message) => {
    const { findings } = reading(`\n  ${text}`, '26.02');
    const finding = findings.find(candidate => candidate.code === code);
    expect(finding?.message).toContain(message);
    expect(finding?.line).toBeGreaterThan(1);
    expect(finding?.hint).not.toBe('');
  });
  test('priority levels that are no power of two turn priorities off', () => {
    const { config, findings } = readWithLevels('3');
    expect(config.priorityLevels).toBe(0);
    expect(findings.map(finding => finding.code)).toEqual(['INIT-PRIO-LEVELS']);
    expect(readWithLevels('4').config.priorityLevels).toBe(4);
  });
});

const readWithLevels = (levels: string) => readInitConfig(rootOf(`<config prio_levels="${levels}"/>`));
