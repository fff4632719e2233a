import { err, ok } from '../../../units/result.ts';
import { PAGE_BYTES, wholePages } from '../core/ram.ts';
import { readCount, readSize } from '../init/values.ts';
import type { SubjectInfo } from '../instance/subject-info.ts';
import { interfaceNamed } from './interfaces.ts';
import { type DataspaceId, returns, type Service, type SessionNumber, withEntry } from './service.ts';
import type { ServiceOps } from './service-ops.ts';

interface IoMemSession {
  readonly base: number;
  readonly sizeBytes: number;
  readonly dataspace: DataspaceId;
}

export type IoMemState = ReadonlyMap<SessionNumber, IoMemSession>;

/** IO_MEM: pages of device memory that the subject information names, each for one session at a time; never RAM. */
export function ioMemService({ deviceMemory }: SubjectInfo, ops: ServiceOps): Service<IoMemState> {
  return {
    faces: [interfaceNamed('IO_MEM')],
    initial: new Map(),
    open(state, session, { args }, env) {
      const asked = readCount(args.base ?? '');
      const size = readSize(args.size ?? '');
      if (asked === undefined || size === undefined || size === 0) return err('DENIED');
      const base = Math.floor(asked / PAGE_BYTES) * PAGE_BYTES;
      const sizeBytes = wholePages(asked + size - base);
      const region = deviceMemory.find(
        ({ address, sizeBytes: regionBytes }) => base >= address && base + sizeBytes <= address + regionBytes,
      );
      const isTaken = [...state.values()].some(
        other => other.base < base + sizeBytes && base < other.base + other.sizeBytes,
      );
      const dataspace =
        region === undefined || !ops.mayGive(isTaken)
          ? undefined
          : env.deviceMemory?.(base, sizeBytes, region.isWritable);
      if (dataspace === undefined) return err('DENIED');
      return ok(withEntry(state, session, { base, sizeBytes, dataspace }));
    },
    close(state, session, env) {
      // The driver keeps no access: its capability and its mappings go with the dataspace.
      env.release(state.get(session)!.dataspace);
      return withEntry(state, session, undefined);
    },
    call: (state, session) => returns(state, state.get(session)!.dataspace),
  };
}
