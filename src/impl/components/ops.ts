import { type ManagerOps, managerOps } from './device-manager.ts';
import { type LoaderOps, loaderOps } from './init-protocol.ts';
import { type MonitorOps, monitorOps } from './subject-monitor.ts';
import { type TimeOps, timeOps } from './time.ts';

/** Decisions of the stand-ins for Muen's components that a seeded fault can replace. */
export interface ComponentOps {
  readonly monitor: MonitorOps;
  readonly loader: LoaderOps;
  readonly manager: ManagerOps;
  readonly time: TimeOps;
}

export const componentOps: ComponentOps = {
  monitor: monitorOps,
  loader: loaderOps,
  manager: managerOps,
  time: timeOps,
};
