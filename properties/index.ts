import type { Property } from '../src/engine/property.ts';
import { anyOrder } from './boot/any-order.ts';
import { devicesConfined } from './boot/devices-confined.ts';
import { startUpChecks } from './boot/start-up-checks.ts';
import { readerSurvivesHostileWriter } from './channels/hostile-writer.ts';
import { muchannelRefinement } from './channels/muchannel-refinement.ts';
import { everyPoint } from './events/every-point.ts';
import { everyReset } from './events/every-reset.ts';
import { everyVmcall } from './events/every-vmcall.ts';
import { interleavedRefinement } from './events/interleaved-refinement.ts';
import { ipiDelivered } from './events/ipi-delivered.ts';
import { everyArrival } from './interrupts/every-arrival.ts';
import { interruptStepRefinement } from './interrupts/step-refinement.ts';
import { ioBitmaps, msrBitmaps, msrStores } from './isolation/bitmaps.ts';
import { claimsHold } from './isolation/claims.ts';
import { dmaConfined } from './isolation/dma-confined.ts';
import { extendedState } from './isolation/extended-state.ts';
import { sharingIsExplained } from './isolation/intent.ts';
import { loadsConfined } from './isolation/loads-confined.ts';
import { machineCodeNoninterference } from './isolation/machine-code.ts';
import { noninterference } from './isolation/noninterference.ts';
import { kernelPageTables, subjectPageTables } from './isolation/page-tables.ts';
import { processorTime } from './isolation/processor-time.ts';
import { storesConfined } from './isolation/stores-confined.ts';
import { subjectInfo } from './isolation/subject-info.ts';
import { interruptRemapping, vtdTables } from './isolation/vtd.ts';
import { compiledModel } from './meta/compiled-model.ts';
import { determinism } from './meta/determinism.ts';
import { tableBitFlips } from './meta/table-bit-flips.ts';
import { everyRestart } from './proxies/every-restart.ts';
import { serverSurvivesHostileClient } from './proxies/hostile-client.ts';
import { instanceSurvivesHostilePeer } from './proxies/hostile-peer.ts';
import { logProxyRefinement } from './proxies/log-proxy-refinement.ts';
import { proxiedServiceRefinement } from './proxies/proxied-service-refinement.ts';
import { rpcProxyLockstep } from './proxies/rpc-proxy-lockstep.ts';
import { rpcProxyRefinement } from './proxies/rpc-proxy-refinement.ts';
import { planFollowed } from './scheduling/plan-followed.ts';
import { schedulingStepRefinement } from './scheduling/step-refinement.ts';
import { blockDevice } from './sessions/block.ts';
import { devices } from './sessions/devices.ts';
import { fileSystem } from './sessions/file-system.ts';
import { framebuffer } from './sessions/framebuffer.ts';
import { gui } from './sessions/gui.ts';
import { init } from './sessions/init.ts';
import { inputEvents } from './sessions/input.ts';
import { instanceBooks } from './sessions/instance-books.ts';
import { kernel } from './sessions/kernel.ts';
import { network } from './sessions/network.ts';
import { packetStream } from './sessions/packet-stream.ts';
import { quotaConserved } from './sessions/quota-conserved.ts';
import { reportRom } from './sessions/report-rom.ts';
import { rpcOrder } from './sessions/rpc-order.ts';
import { sessionRefinement } from './sessions/session-refinement.ts';
import { signalRefinement } from './sessions/signal-refinement.ts';
import { terminalLink } from './sessions/terminal.ts';
import { componentDuties } from './vmx/component-duties.ts';
import { entryChecks } from './vmx/entry-checks.ts';
import { everyExitReason } from './vmx/every-exit-reason.ts';
import { everyIntercept } from './vmx/every-intercept.ts';
import { machineCodeRefinement } from './vmx/machine-code.ts';
import { monitoredExits } from './vmx/monitored-exits.ts';

/** All registered properties, in report order. */
export const PROPERTIES: readonly Property[] = [
  subjectPageTables,
  kernelPageTables,
  ioBitmaps,
  msrBitmaps,
  msrStores,
  vtdTables,
  interruptRemapping,
  subjectInfo,
  sharingIsExplained,
  claimsHold,
  noninterference,
  processorTime,
  extendedState,
  machineCodeNoninterference,
  storesConfined,
  loadsConfined,
  dmaConfined,
  startUpChecks,
  devicesConfined,
  anyOrder,
  planFollowed,
  schedulingStepRefinement,
  interleavedRefinement,
  everyVmcall,
  ipiDelivered,
  everyReset,
  everyPoint,
  interruptStepRefinement,
  everyArrival,
  everyExitReason,
  everyIntercept,
  entryChecks,
  machineCodeRefinement,
  monitoredExits,
  componentDuties,
  muchannelRefinement,
  readerSurvivesHostileWriter,
  logProxyRefinement,
  serverSurvivesHostileClient,
  rpcProxyRefinement,
  rpcProxyLockstep,
  proxiedServiceRefinement,
  instanceSurvivesHostilePeer,
  everyRestart,
  signalRefinement,
  rpcOrder,
  sessionRefinement,
  quotaConserved,
  instanceBooks,
  packetStream,
  reportRom,
  terminalLink,
  inputEvents,
  blockDevice,
  fileSystem,
  network,
  framebuffer,
  gui,
  init,
  kernel,
  devices,
  determinism,
  compiledModel,
  tableBitFlips,
];

export { type EntryJudgement, type OwnPropertyOptions, ownProperty, type SubjectEntry } from './own-property.ts';
