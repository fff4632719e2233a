import type { ServiceOps } from '../impl/genode/services/service-ops.ts';
import type { Fault } from './fault.ts';
import { type SeamFault, seamFaults } from './fault-parts.ts';

type ServiceFault = Omit<SeamFault<'genode'>, 'replace'> & {
  readonly replace: (ops: ServiceOps) => Partial<ServiceOps>;
};

const REPORT_ROM = ['sessions/report-rom'];
const TERMINAL = ['sessions/terminal'];
const INPUT = ['sessions/input'];

const faults: readonly ServiceFault[] = [
  {
    id: 'report-length-unclamped',
    title: 'a report has the length that its client announces, beyond the end of its buffer',
    precedent: 'CVE-2017-10235 (VirtualBox e1000): length of a descriptor not bounded by its buffer',
    killedBy: REPORT_ROM,
    replace: () => ({ reportLength: announced => Number(announced & 0x1ffffn) }),
  },
  {
    id: 'report-outlives-reporter',
    title: 'the report of a client that ended is still read',
    precedent: 'XSA-343: state used across the end of who made it',
    killedBy: REPORT_ROM,
    replace: () => ({ reportEndsWithReporter: () => false }),
  },
  {
    id: 'rom-change-missed',
    title: 'a reader counts as having seen the version that comes next',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: REPORT_ROM,
    replace: () => ({ seenVersion: version => version + 1 }),
  },
  {
    id: 'terminal-count-unclamped',
    title: 'a terminal moves as many bytes as its client names',
    precedent: 'CVE-2015-3456 (VENOM): length of a transfer not bounded by its buffer',
    killedBy: TERMINAL,
    replace: () => ({ terminalCount: (named, _buffer, possible) => Math.min(Number(named & 0xffffn), possible + 1) }),
  },
  {
    id: 'terminal-reader-not-woken',
    title: 'a reader is told of bytes only if some waited before',
    precedent: 'Genode 42397cb512: lost first wake-up',
    killedBy: TERMINAL,
    replace: () => ({ wakesReader: before => before > 0 }),
  },
  {
    id: 'input-overflow-keeps-tail',
    title: 'a full queue of events loses its oldest ones, so that a key seems to stay pressed',
    precedent: 'Linux evdev (SYN_DROPPED): after an overrun a client that keeps the rest has keys that stay pressed',
    killedBy: INPUT,
    replace: () => ({ afterInputOverflow: queue => queue.slice(1) }),
  },
];

/** Defects of the services that components provide to each other. */
export const SERVICE_FAULTS: readonly Fault[] = seamFaults(
  'genode',
  faults.map(({ replace, ...facts }) => ({
    ...facts,
    replace: ops => ({ service: { ...ops.service, ...replace(ops.service) } }),
  })),
);
