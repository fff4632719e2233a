import { expect, test } from 'vitest';
import { FRAMEBUFFER_SYNC_SIGH } from '../../../../src/impl/genode/services/framebuffer.ts';
import { guiService } from '../../../../src/impl/genode/services/gui.ts';
import type { GuiState } from '../../../../src/impl/genode/services/gui-turn.ts';
import { decodeInputEvent } from '../../../../src/impl/genode/services/input-event.ts';
import { serviceOps } from '../../../../src/impl/genode/services/service-ops.ts';
import { configElement, made } from '../../../../src/refinement/services/config-element.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

const bench = (events = ''): ServiceBench<GuiState> =>
  new ServiceBench(
    made(guiService(configElement(`<config width="4" height="2" period_us="1000">${events}</config>`), serviceOps)),
  );

const first = (run: ServiceBench<GuiState>, session: number, name: string, ...values: number[]): number =>
  Number((run.call(session, name, ...values) as readonly unknown[])[0]);

/** Opens a session with one view of the whole screen and a buffer of one colour. */
function client(run: ServiceBench<GuiState>, session: number, colour: number, alpha?: number): number {
  run.open(session, `client ${session}`);
  run.call(session, 'buffer', 4, 2, alpha === undefined ? 0 : 1);
  const framebuffer = first(run, session, 'framebuffer');
  const pixels = first(run, framebuffer, 'dataspace');
  run.write(pixels, 0, new Uint8Array(32).fill(colour));
  if (alpha !== undefined) run.write(pixels, 32, new Uint8Array(8).fill(alpha));
  run.call(session, 'view', 1, 'view', 0, 0, 4, 2, 1);
  run.call(framebuffer, 'refresh', 0, 0, 4, 2);
  return pixels;
}

const shown = (run: ServiceBench<GuiState>): number[] => [...run.read(run.host.state.screen!, 0, 32)];

/** Kinds of the events that wait for a session. */
function events(run: ServiceBench<GuiState>, session: number): string[] {
  const input = first(run, session, 'input');
  const dataspace = first(run, input, 'dataspace');
  const count = first(run, input, 'flush');
  return Array.from({ length: count }, (_, index) => decodeInputEvent(run.read(dataspace, 24 * index, 24)).kind);
}

test('a buffer with alpha is mixed with what is behind it', () => {
  const run = bench();
  client(run, 1, 100);
  client(run, 2, 200, 51);
  expect(shown(run)).toEqual(new Array(32).fill(120));
});

test('a buffer with alpha takes input only where it says so', () => {
  const run = bench('<abs-motion x="1" y="1"/><abs-motion x="2" y="1"/>');
  client(run, 1, 1);
  const pixels = client(run, 2, 2, 255);
  for (const session of [1, 2]) first(run, session, 'input');
  run.write(pixels, 32 + 8 + 6, Uint8Array.of(1));
  run.advanceUs(2000);
  expect([events(run, 1), events(run, 2)]).toEqual([['abs-motion', 'hover-leave'], ['abs-motion']]);
});

test('keys of a session with the focus can be forwarded to another', () => {
  const run = bench('<abs-motion x="1" y="1"/><press code="272"/><release code="272"/><press code="30"/>');
  client(run, 1, 1);
  client(run, 2, 2);
  for (const session of [1, 2]) first(run, session, 'input');
  run.call(2, 'focus', 1);
  run.advanceUs(4000);
  expect([events(run, 1), events(run, 2)]).toEqual([
    ['press', 'release', 'press'],
    ['abs-motion', 'focus-enter'],
  ]);
});

test('what hangs on a view has no place when that view goes', () => {
  const run = bench();
  client(run, 1, 5);
  run.call(1, 'view', 2, 'parent', 1, 0, 2, 2, 1);
  run.call(1, 'child_view', 3, 2, 'child', 1, 0, 1, 1, 1);
  run.call(1, 'destroy_view', 1);
  expect(
    shown(run)
      .map(byte => (byte === 5 ? 1 : 0))
      .join(''),
  ).toContain('1111');
  run.call(1, 'destroy_view', 2);
  expect(shown(run)).toEqual(new Array(32).fill(0));
  expect(run.call(1, 'child_view', 4, 2, 'child', 0, 0, 1, 1, 1)).toBe('INVALID');
});

test('the screen is described by a ROM object, and a client that wants it hears of every picture', () => {
  const run = bench();
  client(run, 1, 1);
  const info = first(run, 1, 'info');
  const text = String.fromCharCode(...run.read(first(run, info, 'dataspace'), 0, 0x1000)).replace(/\0+$/, '');
  expect(text).toBe('<panorama width="4" height="2"/>');
  const framebuffer = first(run, 1, 'framebuffer');
  run.call(framebuffer, 'sync_sigh', 1);
  run.advanceUs(45_000);
  expect(
    run.signals.filter(({ session, opcode }) => session === framebuffer && opcode === FRAMEBUFFER_SYNC_SIGH),
  ).toHaveLength(2);
});

test('objects and memory end with their session', () => {
  const run = bench();
  const before = run.memory.size;
  client(run, 1, 1);
  first(run, 1, 'input');
  first(run, 1, 'view_capability', 1);
  first(run, 1, 'command_dataspace');
  expect([...run.objects.values()].sort()).toEqual(['Framebuffer', 'Input', 'View']);
  run.close(1);
  expect(run.objects.size).toBe(0);
  expect(run.memory.size).toBe(before);
  expect(run.outside).toBe('');
});
