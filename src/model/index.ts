import { channelModel } from './channel.model.ts';
import { cyclicSchedulerModel } from './cyclic-scheduler.model.ts';
import { kernelModel } from './kernel.model.ts';
import { logProxyModel } from './log-proxy.model.ts';
import type { Model } from './model.ts';

/** All models, in the order in which `list models` shows them. */
export const MODELS: readonly Model[] = [kernelModel, channelModel, logProxyModel, cyclicSchedulerModel];
