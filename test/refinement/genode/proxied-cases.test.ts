import { expect, test } from 'vitest';
import { notProxyable } from '../../../src/impl/genode/proxy/message.ts';
import { interfaceNamed, SESSION_INTERFACES } from '../../../src/impl/genode/services/interfaces.ts';
import { PROXIED_CASES } from '../../../src/refinement/genode/proxied-cases.ts';

/** It opens sessions of its own at the peer: `test/impl/genode/proxy/gui-proxy.test.ts` compares it. */
const COMPARED_ELSEWHERE = ['Gui'];

test('every service that can cross a link is compared with itself behind proxies', () => {
  const proxyable = SESSION_INTERFACES.filter(({ proxy }) => proxy !== 'local').map(({ service }) => service);
  const compared = new Set(PROXIED_CASES.map(({ service }) => service));
  expect(proxyable.filter(service => !compared.has(service))).toEqual(COMPARED_ELSEWHERE);
});

test('a function that passes a capability is refused, and says which', () => {
  const gui = interfaceNamed('Gui');
  const focus = gui.functions.findIndex(({ name }) => name === 'focus');
  expect(notProxyable(gui, focus)).toBe('Gui.focus passes a capability');
  expect(notProxyable(interfaceNamed('LOG'), 0)).toBe('');
});
