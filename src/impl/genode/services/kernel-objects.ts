import { ok } from '../../../units/result.ts';
import { interfaceNamed } from './interfaces.ts';
import { fails, returns, type Service } from './service.ts';

/**
 * CPU: an instance has one processor, and a component the threads that it is started with. Further ones would need
 * machine code to run, so `create_thread` is denied; there is nothing to trace, and no native interface.
 */
export const cpuService: Service<null> = {
  faces: [interfaceNamed('CPU')],
  initial: null,
  open: () => ok(null),
  close: () => null,
  call(state, _session, name) {
    if (name === 'create_thread') return fails(state, 'DENIED');
    if (name === 'affinity_space') return returns(state, 1, 1);
    return name === 'trace_control' || name === 'native_cpu' ? returns(state, 0) : returns(state);
  },
};

/** RM: a component's memory is what it accesses by dataspace here, so region maps of its own are denied. */
export const rmService: Service<null> = {
  faces: [interfaceNamed('RM')],
  initial: null,
  open: () => ok(null),
  close: () => null,
  call: (state, _session, name) => (name === 'create' ? fails(state, 'DENIED') : returns(state)),
};

/** VM: a subject under Muen cannot nest virtual machines, and its memory is fixed, so nothing is attached or created. */
export const vmService: Service<null> = {
  faces: [interfaceNamed('VM')],
  initial: null,
  open: () => ok(null),
  close: () => null,
  call(state, _session, name) {
    if (name === 'create_vcpu') return fails(state, 'DENIED');
    return name === 'detach' ? returns(state) : fails(state, 'INVALID_DATASPACE');
  },
};
