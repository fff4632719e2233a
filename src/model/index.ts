import { channelModel } from './channel.model.ts';
import { channelTsoModel } from './channel-tso.model.ts';
import { cyclicSchedulerModel } from './cyclic-scheduler.model.ts';
import { kernelModel } from './kernel.model.ts';
import { logProxyModel } from './log-proxy.model.ts';
import type { Model } from './model.ts';
import { packetQueueModel } from './packet-queue.model.ts';
import { partitionKernelModel } from './partition-kernel.model.ts';
import { rpcProxyModel } from './rpc-proxy.model.ts';
import { sessionModel } from './session.model.ts';
import { signalModel } from './signal.model.ts';

/** All models, in the order in which `list models` shows them. */
export const MODELS: readonly Model[] = [
  kernelModel,
  channelModel,
  channelTsoModel,
  logProxyModel,
  rpcProxyModel,
  signalModel,
  sessionModel,
  packetQueueModel,
  cyclicSchedulerModel,
  partitionKernelModel,
];
