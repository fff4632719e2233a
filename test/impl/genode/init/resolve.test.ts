import { describe, expect, test } from 'vitest';
import { type ResolvedRoute, resolveInit } from '../../../../src/impl/genode/init/resolve.ts';
import { reading } from './init-text.ts';

const nested = (offer: string) => `
  <parent-provides><service name="LOG"/><service name="PD"/><service name="CPU"/><service name="ROM"/></parent-provides>
  <default caps="100" ram="1M"/>
  <default-route><any-service><parent/><any-child/></any-service></default-route>
  <start name="outer_init">
    <binary name="init"/>
    <provides><service name="Terminal"/></provides>
    <config>
      <parent-provides><service name="LOG"/></parent-provides>
      <default caps="100" ram="1M"/>
      <default-route><any-service><parent/></any-service></default-route>
      <start name="server"><provides><service name="Terminal"/></provides></start>
      ${offer}
    </config>
  </start>
  <start name="client"><config><vfs><terminal/></vfs></config></start>`;

const routeOf = (routes: readonly ResolvedRoute[], path: string, service: string) =>
  routes.find(route => route.path.join('/') === path && route.request.service === service)!.decisions;

describe('nested init', () => {
  test('a session to the parent goes on at the outer init, with both names in its label', () => {
    const { routes, inits, components } = resolveInit(reading(nested('')));
    expect([inits, components]).toEqual([2, 3]);
    const decisions = routeOf(routes, 'outer_init/server', 'LOG');
    expect(decisions.map(decision => decision.kind)).toEqual(['parent', 'parent']);
    expect(decisions.at(-1)).toMatchObject({ label: 'outer_init -> server' });
  });
  test('a service that the nested init offers is served by the child of its policy', () => {
    const offer = '<service name="Terminal"><policy label_prefix="client"><child name="server"/></policy></service>';
    const decisions = routeOf(resolveInit(reading(nested(offer))).routes, 'client', 'Terminal');
    expect(decisions).toMatchObject([
      { kind: 'child', child: 'outer_init' },
      { kind: 'child', child: 'server', label: 'client' },
    ]);
  });
  test.each([
    ['', 'init "outer_init" offers no service "Terminal"'],
    [
      '<service name="Terminal"><policy label="x"><child name="server"/></policy></service>',
      'no policy of init "outer_init" for "client"',
    ],
  ])('%s denies', (offer, reason) => {
    const decisions = routeOf(resolveInit(reading(nested(offer))).routes, 'client', 'Terminal');
    expect(decisions.at(-1)).toMatchObject({ kind: 'denied', reason });
  });
  test('an init within an init within ... comes to an end', () => {
    let config = '<start name="i" caps="1" ram="1"/>';
    for (let depth = 0; depth < 24; depth++)
      config = `<start name="i" caps="1" ram="1"><binary name="init"/><config>${config}</config></start>`;
    expect(resolveInit(reading(config)).inits).toBe(17);
  });
});
