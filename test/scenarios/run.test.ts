import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findScenario } from '../../scenarios/index.ts';
import { createSystem, installSoftware } from '../../src/impl/create-system.ts';
import type { LoopState } from '../../src/impl/genode/instance/event-loop.ts';
import type { InstanceState } from '../../src/impl/genode/instance/state.ts';
import type { LogClientState } from '../../src/impl/genode/log-client-state.ts';
import { readLog } from '../../src/impl/genode/log-memory.ts';
import { type LogServerState, logServerCounters, logServerSessions } from '../../src/impl/genode/log-server.ts';
import { currentMajorFrame } from '../../src/impl/muen/scheduling-state.ts';
import type { ChannelReaderState } from '../../src/impl/native/muchannel-reader-software.ts';
import type { ChannelWriterState } from '../../src/impl/native/muchannel-writer-software.ts';
import { defaultSeams } from '../../src/impl/seams.ts';
import { createSoftware } from '../../src/impl/software.ts';
import type { System } from '../../src/impl/system.ts';
import { cyclesPerInstruction } from '../../src/impl/time-model.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const OPERATIONS_PER_FRAME = 40;
const MAJOR_FRAMES = 30;

/** A scenario that ran with its own software on the machine, and the states of its subjects by name. */
function runScenario(
  id: string,
  operationsPerFrame = OPERATIONS_PER_FRAME,
  frames = MAJOR_FRAMES,
): {
  readonly system: System;
  readonly majorFrames: ReadonlySet<number>;
  readonly stateOf: (subject: string) => unknown;
} {
  const scenario = findScenario(id);
  if (!scenario.ok || scenario.value === undefined) throw new Error(id);
  const parsed = parsePolicy(readFileSync(scenario.value.policyPath));
  if (!parsed.ok) throw new Error(id);
  const { document } = parsed.value;
  const created = createSystem(document, defaultSeams);
  if (!created.ok) throw new Error(created.error.map(({ message }) => message).join('\n'));
  const system = created.value;
  const idOf = new Map(document.subjects.map(({ name, globalId }) => [name, globalId]));
  const software = scenario.value.software.map(row => {
    const made = createSoftware(row.software, row.parameters, defaultSeams);
    if (!made.ok) throw new Error(made.error);
    return [idOf.get(row.subject)!, made.value] as const;
  });
  installSoftware(system, new Map(software));
  const period = system.kernel.tables.majorFrames[0]!.periodCycles;
  system.begin({
    cyclesPerInstruction: cyclesPerInstruction(system.time, operationsPerFrame),
    endTsc: system.time.startTsc + frames * period,
    maxKernelSteps: 20_000,
    interrupts: [],
    interleavings: [],
  });
  const majorFrames = new Set<number>();
  system.observer = { onExit: () => majorFrames.add(currentMajorFrame(system.kernel)) };
  system.run();
  expect(system.kernel.platform.stopReason).toBe('');
  return { system, majorFrames, stateOf: subject => system.hosted[idOf.get(subject)!]!.state };
}

function parsePolicyOf(id: string): PolicyDocument {
  const scenario = findScenario(id);
  if (!scenario.ok || scenario.value === undefined) throw new Error(id);
  const parsed = parsePolicy(readFileSync(scenario.value.policyPath));
  if (!parsed.ok) throw new Error(id);
  return parsed.value.document;
}

describe('scenarios run on the machine without a panic', () => {
  test('genode-distributed: every instance boots from its subject information and starts what its init says', () => {
    const { stateOf } = runScenario('genode-distributed', 1000, 12);
    for (const subject of ['drivers', 'network', 'storage', 'applications']) {
      const { phase, failure, info, components, startTsc } = (stateOf(subject) as LoopState<InstanceState>).inner;
      expect([phase, failure]).toEqual(['run', '']);
      expect(info?.name).toBe(subject);
      expect(startTsc).toBeGreaterThan(0);
      expect(components.map(({ name }) => name).slice(0, 3)).toEqual(['core', 'init', 'timer']);
    }
  });

  test('genode-distributed: applications use LOG, RTC, input, files and the disk of other instances', () => {
    const { system, stateOf } = runScenario('genode-distributed', 1000, 100);
    const { info } = (stateOf('drivers') as LoopState<InstanceState>).inner;
    expect(info?.vectors.map(({ name }) => name)).toContain('apps_drivers_in');
    const { memory } = parsePolicyOf('genode-distributed');
    const linesOf = (subject: string): readonly string[] =>
      readLog(system.memory, memory.find(({ name }) => name === `${subject}|log`)!, 0).lines;
    expect(
      linesOf('drivers')
        .filter(line => line.includes('writer'))
        .slice(0, 2),
    ).toEqual([
      '[init -> applications -> applications -> writer -> remote] hello 1',
      '[init -> applications -> applications -> writer -> remote] hello 2',
    ]);
    expect(linesOf('drivers')).toContain('[init -> network -> network -> status -> remote] network is up 1');
    expect(linesOf('applications').join()).toMatch(/desktop -> clock\] it is 2026-11-26 09:30/);
    for (const line of [
      '[init -> desktop -> keyboard] input press 30 97',
      '[init -> desktop -> window] view of 8x4 pixels shown',
      '[init -> notes] file says "note 2"',
      '[init -> console] terminal says "hello drivers"',
      '[init -> disk] disk says "image of the disk"',
    ])
      expect(linesOf('applications')).toContain(line);
    expect(linesOf('storage')).toContain('[init -> disk_check] 4 blocks written and read');
  });

  test('two-subjects', () => {
    const { system } = runScenario('two-subjects');
    for (const hosted of system.hosted) expect(hosted.retiredCount).toBeGreaterThan(0);
  });

  test('log-channel: everything that was sent arrives', () => {
    const { stateOf } = runScenario('log-channel');
    const { committed } = (stateOf('writer') as ChannelWriterState).writer;
    const { progress } = stateOf('reader') as ChannelReaderState;
    expect(committed).toBeGreaterThan(50);
    expect(progress).toMatchObject({ corrupted: 0, outOfOrder: 0, lost: 0, overruns: 0, incompatible: 0 });
    expect(progress.received).toBeGreaterThanOrEqual(committed - 4);
  });

  test('log-proxy: lines are logged, sleepers wake, the guest is served, both major frames are used', () => {
    const { system, majorFrames, stateOf } = runScenario('log-proxy');
    expect(majorFrames).toEqual(new Set([0, 1]));
    const client = stateOf('genode_client') as LogClientState;
    const server = stateOf('genode_server') as LogServerState;
    expect(client.sent).toBeGreaterThan(20);
    expect(logServerCounters(server)).toMatchObject({
      replayed: 0,
      badKind: 0,
      badLength: 0,
      badSession: 0,
      badGeneration: 0,
      overruns: 0,
    });
    expect(logServerCounters(server).delivered).toBeGreaterThanOrEqual(client.sent - 3);
    for (const [index, session] of logServerSessions(server).entries()) {
      expect(session.missed).toBeLessThanOrEqual(client.sessions[index]!.dropped);
      expect(session.isOpen).toBe(true);
    }
    expect(stateOf('log_watchdog')).toBeGreaterThan(10);
    expect((stateOf('guest_monitor') as { handled: number }).handled).toBeGreaterThan(10);
    expect(stateOf('guest_vm')).toBeGreaterThan(10);
    expect(system.hosted.every(({ retiredCount }) => retiredCount > 0)).toBe(true);
  });
});
