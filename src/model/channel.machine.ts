import { setup } from 'xstate';
import * as channel from './channel.ts';
import type { ChannelConfig, ChannelEvent, ChannelState } from './channel-state.ts';
import { channelSchema } from './channel-state.ts';
import { defineModel } from './define.ts';
import type { Schema } from './schema.ts';

const types = {} as { context: ChannelState; events: ChannelEvent };

/** The writer: a mode is the access that it does next. */
export function createWriter(config: ChannelConfig, schema: Schema<ChannelState> = channelSchema(config)) {
  const { beginInitialize, storeTransport, storeProtocol, storeSize, storeElements, clearStartCounter, clearCounter } =
    channel;
  const { zeroHalf, storeEpoch, clearEpoch, storeStartCounter, storeFirst, storeSecond, storeCounter } = channel;
  const { epochLeft, counterLeft, moreToZero } = channel;
  const definition = defineModel({
    schema,
    config,
    guards: { epochLeft, counterLeft, moreToZero },
    actions: {
      beginInitialize,
      storeTransport,
      storeProtocol,
      storeSize,
      storeElements,
      clearStartCounter,
      clearCounter,
      zeroHalf,
      storeEpoch,
      clearEpoch,
      storeStartCounter,
      storeFirst,
      storeSecond,
      storeCounter,
    },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'channel-writer',
    context: schema.initial(),
    initial: 'inactive',
    states: {
      inactive: {
        on: { initialize: { guard: 'epochLeft', target: 'initialize', actions: 'beginInitialize' } },
      },
      initialize: {
        initial: 'transport',
        states: {
          transport: { on: { step: { target: 'protocol', actions: 'storeTransport' } } },
          protocol: { on: { step: { target: 'size', actions: 'storeProtocol' } } },
          size: { on: { step: { target: 'elements', actions: 'storeSize' } } },
          elements: { on: { step: { target: 'wsc', actions: 'storeElements' } } },
          wsc: { on: { step: { target: 'wc', actions: 'clearStartCounter' } } },
          wc: { on: { step: { target: 'data', actions: 'clearCounter' } } },
          data: {
            on: {
              step: [
                { guard: 'moreToZero', actions: 'zeroHalf' },
                { target: 'epoch', actions: 'zeroHalf' },
              ],
            },
          },
          epoch: { on: { step: { target: '#channel-writer.active', actions: 'storeEpoch' } } },
        },
      },
      active: {
        on: {
          initialize: { guard: 'epochLeft', target: 'initialize', actions: 'beginInitialize' },
          write: { guard: 'counterLeft', target: 'write.first', actions: 'storeStartCounter' },
          deactivate: { target: 'inactive', actions: 'clearEpoch' },
        },
      },
      write: {
        initial: 'first',
        states: {
          first: { on: { step: { target: 'second', actions: 'storeFirst' } } },
          second: { on: { step: { target: 'wc', actions: 'storeSecond' } } },
          wc: { on: { step: { target: '#channel-writer.active', actions: 'storeCounter' } } },
        },
      },
    },
  });
  return { definition, machine };
}

/**
 * The reader: a mode is the access that it does next; it is idle between reads.
 *
 * @param replaced guards of a reader that deviates from the protocol.
 */
export function createReader(
  config: ChannelConfig,
  schema: Schema<ChannelState> = channelSchema(config),
  replaced: { readonly isOverrun?: typeof channel.isOverrun } = {},
) {
  const {
    isInactive,
    isSynchronized,
    transportDiffers,
    protocolDiffers,
    dataSizeDiffers,
    epochDiffers,
    noData,
    isOverrun,
  } = channel;
  const {
    clearCopy,
    returnInactive,
    noteEpoch,
    loadSize,
    loadElements,
    returnIncompatible,
    adoptEpoch,
    returnEpochChanged,
  } = channel;
  const { returnNoData, loadFirst, loadSecond, acceptElement, skipToCounter, skipOverrun, resetReader } = channel;
  const definition = defineModel({
    schema,
    config,
    guards: {
      isInactive,
      isSynchronized,
      transportDiffers,
      protocolDiffers,
      dataSizeDiffers,
      epochDiffers,
      noData,
      isOverrun: replaced.isOverrun ?? isOverrun,
    },
    actions: {
      clearCopy,
      returnInactive,
      noteEpoch,
      loadSize,
      loadElements,
      returnIncompatible,
      adoptEpoch,
      returnEpochChanged,
      returnNoData,
      loadFirst,
      loadSecond,
      acceptElement,
      skipToCounter,
      skipOverrun,
      resetReader,
    },
  });
  const machine = setup({ types, ...definition.implementations }).createMachine({
    id: 'channel-reader',
    context: schema.initial(),
    initial: 'idle',
    states: {
      idle: {
        on: {
          read: [
            { guard: 'isInactive', actions: ['clearCopy', 'returnInactive'] },
            { guard: 'isSynchronized', target: 'read', actions: 'clearCopy' },
            { target: 'synchronize', actions: ['clearCopy', 'noteEpoch'] },
          ],
          drain: { actions: ['clearCopy', 'skipToCounter'] },
          reset: { actions: ['clearCopy', 'resetReader'] },
        },
      },
      synchronize: {
        initial: 'transport',
        states: {
          transport: {
            on: {
              step: [
                { guard: 'transportDiffers', target: '#channel-reader.idle', actions: 'returnIncompatible' },
                { target: 'protocol' },
              ],
            },
          },
          protocol: {
            on: {
              step: [
                { guard: 'protocolDiffers', target: '#channel-reader.idle', actions: 'returnIncompatible' },
                { target: 'size' },
              ],
            },
          },
          size: { on: { step: { target: 'elements', actions: 'loadSize' } } },
          elements: {
            on: {
              step: [
                { guard: 'dataSizeDiffers', target: '#channel-reader.idle', actions: 'returnIncompatible' },
                { target: 'epoch', actions: 'loadElements' },
              ],
            },
          },
          epoch: { on: { step: { target: 'recheck', actions: 'adoptEpoch' } } },
          recheck: {
            on: {
              step: [
                { guard: 'epochDiffers', target: '#channel-reader.idle', actions: 'returnEpochChanged' },
                { target: '#channel-reader.read' },
              ],
            },
          },
        },
      },
      read: {
        initial: 'wc',
        states: {
          wc: {
            on: {
              step: [{ guard: 'noData', target: '#channel-reader.idle', actions: 'returnNoData' }, { target: 'first' }],
            },
          },
          first: { on: { step: { target: 'second', actions: 'loadFirst' } } },
          second: { on: { step: { target: 'wsc', actions: 'loadSecond' } } },
          wsc: {
            on: {
              step: [
                { guard: 'isOverrun', target: 'skip' },
                { target: 'epoch', actions: 'acceptElement' },
              ],
            },
          },
          skip: { on: { step: { target: 'epoch', actions: 'skipOverrun' } } },
          epoch: {
            on: {
              step: [
                { guard: 'epochDiffers', target: '#channel-reader.idle', actions: 'returnEpochChanged' },
                { target: '#channel-reader.idle' },
              ],
            },
          },
        },
      },
    },
  });
  return { definition, machine };
}
