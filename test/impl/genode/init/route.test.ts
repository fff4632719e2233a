import { describe, expect, test } from 'vitest';
import { reading, routeOf } from './init-text.ts';

const servers = `<start name="s1" caps="1" ram="1M"><provides><service name="A"/><service name="ROM"/></provides></start>
  <start name="s2" caps="1" ram="1M"><provides><service name="A"/><service name="B"/></provides></start>`;
const parent = '<parent-provides><service name="ROM"/><service name="LOG"/></parent-provides>';
const client = (route: string, more = ''): string =>
  `${parent}${servers}<start name="client" caps="1" ram="1M">${more}<route>${route}</route></start>`;

describe('rules of 26.02', () => {
  test('the first rule that matches decides, and the first target that can serve', () => {
    const read = reading(
      client('<service name="A"><parent/><child name="s2"/></service><any-service><parent/><any-child/></any-service>'),
    );
    expect(routeOf(read, 'A')).toBe('child s2: client');
    expect(routeOf(read, 'LOG')).toBe('parent: client');
    expect(routeOf(read, 'B', 'x')).toBe('child s2: client -> x');
  });
  test('a rule for one service denies when all of its targets fail', () => {
    const read = reading(client('<service name="A"><parent/></service><any-service><child name="s1"/></any-service>'));
    expect(routeOf(read, 'A')).toBe('denied: the parent does not provide "A"');
  });
  test('a rule for any service leaves what it cannot serve to the next one', () => {
    const read = reading(client('<any-service><parent/></any-service><any-service><child name="s2"/></any-service>'));
    expect(routeOf(read, 'B')).toBe('child s2: client');
    expect(routeOf(read, 'C')).toBe('denied: child "s2" does not provide "C"');
  });
  test('any-child fails when several children provide a service, and the next target is tried', () => {
    const read = reading(client('<any-service><any-child/><child name="s1"/></any-service>'));
    expect(routeOf(read, 'A')).toBe('child s1: client');
  });
  test('without a matching rule a session is denied', () => {
    expect(routeOf(reading(client('')), 'A')).toBe('denied: no route to service "A"');
  });
  test.each([
    ['label="x"', 'x', true],
    ['label="x"', 'xy', false],
    ['label="x"', '', false],
    ['label_prefix="x"', 'xy -> z', true],
    ['label_suffix="z"', 'xy -> z', true],
    ['label_prefix="x" label_suffix="y"', 'xz', false],
    ['label_last="z"', 'xy -> z', true],
    ['label_last="z"', 'z -> y', false],
    ['label_last="z" label="never"', 'xy -> z', true],
    ['unscoped_label="client -> x"', 'x', true],
    ['unscoped_label="x"', 'x', false],
    ['unscoped_label="client -> x" label="never"', 'x', true],
    ['label_prefix="client"', 'x', false],
  ])('service %s and label "%s": match %s', (attributes, label, isMatch) => {
    const read = reading(client(`<service name="A" ${attributes}><child name="s1"/></service>`));
    expect(routeOf(read, 'A', label).startsWith('child')).toBe(isMatch);
  });
  test.each([
    ['label="new"', 'new'],
    ['identity="id"', 'id -> y'],
    ['resource="r"', 'client -> x -> r'],
    ['prepend_resource="p"', 'client -> x -> p -> y'],
    ['identity="id" resource="r"', 'id -> r'],
  ])('target %s rewrites the label', (attributes, label) => {
    const read = reading(client(`<service name="A"><child name="s1" ${attributes}/></service>`));
    expect(routeOf(read, 'A', 'x -> y')).toBe(`child s1: ${label}`);
  });
  test('the own configuration, the own program and session requests need no rule', () => {
    const read = reading(
      client('', '<binary name="prog"/><config/><provides><service name="C"/></provides>').replace(
        'name="client"',
        'name="client" ld="no"',
      ),
    );
    expect(routeOf(read, 'ROM', 'config')).toBe('own-config: config');
    expect(routeOf(read, 'ROM', 'client')).toBe('binary: prog');
    expect(routeOf(read, 'ROM', 'ld.lib.so')).toBe('binary: prog');
    expect(routeOf(read, 'ROM', 'session_requests')).toBe('session-requests: session_requests');
    expect(routeOf(read, 'ROM', 'other')).toBe('denied: no route to service "ROM"');
  });
  test('an alias stands for its child', () => {
    const read = reading(`<alias name="al" child="s1"/>${client('<service name="A"><child name="al"/></service>')}`);
    expect(routeOf(read, 'A')).toBe('child s1: client');
    expect(read.findings).toEqual([]);
  });
  test('the default route serves who has no route', () => {
    const text = `${parent}<default-route><any-service><parent/></any-service></default-route><start name="client" caps="1" ram="1M"/>`;
    expect(routeOf(reading(text), 'LOG')).toBe('parent: client');
  });
});

describe('rules of 2016', () => {
  test('the first target of a rule for one service is final', () => {
    const read = reading(client('<service name="A"><parent/><child name="s2"/></service>'), '2016');
    expect(routeOf(read, 'A')).toBe('denied: the parent does not provide "A"');
  });
  test('an ambiguous any-child denies at once', () => {
    const read = reading(client('<any-service><any-child/><child name="s1"/></any-service>'), '2016');
    expect(routeOf(read, 'A')).toBe('denied: ambiguous routes to service "A": s1, s2');
  });
  test('a component without configuration gets an empty one, with a configfile that ROM', () => {
    expect(routeOf(reading(client(''), '2016'), 'ROM', 'config')).toBe('own-config: config');
    const read = reading(client('<any-service><parent/></any-service>', '<configfile name="c"/>'), '2016');
    expect(routeOf(read, 'ROM', 'c')).toBe('parent: client -> c');
  });
  test('label_last is not known yet', () => {
    const read = reading(client('<service name="A" label_last="z"><child name="s1"/></service>'), '2016');
    expect(routeOf(read, 'A', 'other')).toBe('child s1: client -> other');
  });
});
