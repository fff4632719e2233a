import { type ComponentOps, componentOps } from './components/ops.ts';
import { type GenodeOps, genodeOps } from './genode/core/genode-ops.ts';
import { type ProxyOps, proxyOps } from './genode/log-ops.ts';
import { type MachineOps, machineOps } from './machine-ops.ts';
import { type CompileOps, compileOps } from './muen/compile.ts';
import { type KernelOps, kernelOps } from './muen/ops.ts';
import { type StructureOps, structureOps } from './muen/structures/ops.ts';
import { type ChannelOps, channelOps } from './native/muchannel.ts';
import { type PagingOps, pagingOps } from './paging-ops.ts';

/** The implementation's collaborators that a seeded fault can replace, by concern. */
export interface Seams {
  readonly kernel: KernelOps;
  readonly paging: PagingOps;
  readonly compile: CompileOps;
  readonly structures: StructureOps;
  readonly machine: MachineOps;
  readonly channel: ChannelOps;
  readonly proxy: ProxyOps;
  readonly genode: GenodeOps;
  readonly component: ComponentOps;
}

/** The implementation as it should be. */
export const defaultSeams: Seams = {
  kernel: kernelOps,
  paging: pagingOps,
  compile: compileOps,
  structures: structureOps,
  machine: machineOps,
  channel: channelOps,
  proxy: proxyOps,
  genode: genodeOps,
  component: componentOps,
};
