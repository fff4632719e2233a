import { err, ok } from '../../../units/result.ts';
import { readCount } from '../init/values.ts';
import { interfaceNamed } from './interfaces.ts';
import { returns, type Service, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

const PORTS = 0x1_0000;

interface PortRange {
  readonly base: number;
  readonly count: number;
}

export type IoPortState = ReadonlyMap<SessionNumber, PortRange>;

const SIZES = { b: 1, w: 2, l: 4 } as const;

/**
 * IO_PORT: ranges of I/O ports, each for one session. Subject information does not say which ports the policy grants, so
 * the range is taken as asked for, and the I/O bitmap of the subject decides about each access.
 */
export function ioPortService(ops: ServiceOps): Service<IoPortState> {
  return {
    faces: [interfaceNamed('IO_PORT')],
    initial: new Map(),
    open(state, session, { args }) {
      const base = readCount(args.io_port_base ?? '');
      const count = readCount(args.io_port_size ?? '');
      if (base === undefined || count === undefined || count === 0 || base + count > PORTS) return err('DENIED');
      const isTaken = [...state.values()].some(other => other.base < base + count && base < other.base + other.count);
      return ops.mayGive(isTaken) ? ok(withEntry(state, session, { base, count })) : err('DENIED');
    },
    close: (state, session) => withEntry(state, session, undefined),
    call(state, session, name, [port, value], env) {
      const sizeBytes = SIZES[name.at(-1) as keyof typeof SIZES];
      const { base, count } = state.get(session)!;
      const isInside = ops.isPortRange(Number(port), sizeBytes, base, count);
      if (name.startsWith('in')) return returns(state, isInside ? (env.portIn?.(Number(port), sizeBytes) ?? 0) : 0);
      if (isInside) env.portOut?.(Number(port), sizeBytes, Number(value));
      return returns(state);
    },
  };
}
