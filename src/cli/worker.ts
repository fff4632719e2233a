import type { Task, TaskResult } from '../engine/property.ts';
import { defined } from '../units/invariant.ts';
import type { Catalogue } from './catalogue.ts';
import { ContextCache, type ContextSpec } from './context.ts';

/** One task as plain data. */
export interface TaskPayload {
  /** URL of the module that exports `catalogue`. */
  readonly catalogueUrl: string;
  readonly context: ContextSpec;
  readonly task: Task;
}

const contexts = new ContextCache();

/** Runs one task, in a worker thread or in the main one. */
export async function handle(payload: TaskPayload): Promise<TaskResult> {
  const { catalogue } = (await import(payload.catalogueUrl)) as { readonly catalogue: Catalogue };
  const property = defined(
    catalogue.properties.find(candidate => candidate.id === payload.task.property),
    `property ${payload.task.property}`,
  );
  return property.runTask(await contexts.get(payload.context, catalogue), payload.task);
}
