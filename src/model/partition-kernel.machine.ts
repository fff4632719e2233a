import { setup } from 'xstate';
import { defineModel } from './define.ts';
import * as kernel from './partition-kernel.ts';
import {
  type PartitionKernelConfig,
  type PartitionKernelEvent,
  type PartitionKernelState,
  partitionKernelSchema,
} from './partition-kernel-state.ts';
import type { Schema } from './schema.ts';

/** The kernel: a mode is the partition whose time slot it is. */
export function createPartitionKernel(
  config: PartitionKernelConfig,
  schema: Schema<PartitionKernelState> = partitionKernelSchema(),
) {
  const { secondIsSkipped, endSlot, send, receive, openFirst, openSecond, openThird } = kernel;
  const { drawSecrets, statusFirst, statusThird, writeFirst, readThird, idleSecond } = kernel;
  const definition = defineModel<PartitionKernelState, PartitionKernelEvent, PartitionKernelConfig, string, string>({
    schema,
    config,
    guards: { secondIsSkipped },
    actions: {
      drawSecrets,
      endSlot,
      send,
      receive,
      openFirst,
      openSecond,
      openThird,
      statusFirst,
      statusThird,
      writeFirst,
      readThird,
      idleSecond,
    },
  });
  const next = { target: 'second', actions: 'endSlot' } as const;
  const skip = { guard: 'secondIsSkipped', target: 'third', actions: 'endSlot' } as const;
  const endOfFirst = config.flaw === 'idle-partitions-skipped' ? [skip, next] : [next];
  const machine = setup({
    types: {} as { context: PartitionKernelState; events: PartitionKernelEvent },
    ...definition.implementations,
  }).createMachine({
    id: 'partition-kernel',
    context: schema.initial(),
    initial: 'start',
    states: {
      start: { on: { draw: { target: 'first', actions: 'drawSecrets' } } },
      first: {
        on: {
          tick: endOfFirst,
          send: { actions: 'send' },
          open: { actions: 'openFirst' },
          status: { actions: 'statusFirst' },
          write: { actions: 'writeFirst' },
        },
      },
      second: {
        on: {
          tick: { target: 'third', actions: 'endSlot' },
          receive: { actions: 'receive' },
          open: { actions: 'openSecond' },
          idle: { actions: 'idleSecond' },
        },
      },
      third: {
        on: {
          tick: { target: 'first', actions: 'endSlot' },
          open: { actions: 'openThird' },
          status: { actions: 'statusThird' },
          read: { actions: 'readThird' },
        },
      },
    },
  });
  return { definition, machine };
}
