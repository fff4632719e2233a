import type { GenodeOps } from '../core/genode-ops.ts';
import { ioMemService } from '../services/io-mem.ts';
import { ioPortService } from '../services/io-port.ts';
import { irqService } from '../services/irq.ts';
import { kernelService } from '../services/kernel.ts';
import { logService } from '../services/log.ts';
import { type RomModules, romService } from '../services/rom.ts';
import type { Service } from '../services/service.ts';
import { vmService } from '../services/vm.ts';
import type { SubjectInfo } from './subject-info.ts';

/** Name of the memory region that the LOG service of core writes to. */
export const LOG_REGION = 'log';
/** Capability of that region in core's own space: the first that core makes. */
export const LOG_DATASPACE = 1;

/** Services that core provides to its first init. */
export function coreServices(info: SubjectInfo, modules: RomModules, ops: GenodeOps): readonly Service<never>[] {
  const region = info.memory.find(({ name, isWritable }) => name === LOG_REGION && isWritable);
  const place = region === undefined ? undefined : { dataspace: LOG_DATASPACE, sizeBytes: region.sizeBytes };
  const services = [
    logService(place),
    romService(modules),
    irqService(info, ops.service),
    ioMemService(info, ops.service),
    ioPortService(ops.service),
    kernelService(ops),
    vmService(info),
  ];
  return services as unknown as readonly Service<never>[];
}
