import { type InstanceRun, runInstance } from './instance-run.ts';

/** Start node of a nested init whose configuration comes from dynamic_rom, one after the other, 50 ms each. */
export function changingInit(...configs: readonly string[]): string {
  const steps = configs.map(config => `<inline>${config}</inline><sleep milliseconds="50"/>`).join('');
  return `<start name="dynamic_rom"><provides><service name="ROM"/></provides>
      <config><rom name="config">${steps}</rom></config></start>
    <start name="inner" ram="4M" caps="900"><binary name="init"/><route>
      <service name="ROM" label="config"><child name="dynamic_rom"/></service>
      <any-service><parent/><any-child/></any-service></route></start>`;
}

/** Configuration of a nested init: LOG, ROM and Timer from outside. */
export const inner = (nodes: string, more = ''): string => `<config>
  <parent-provides><service name="LOG"/><service name="ROM"/><service name="Timer"/><service name="Report"/></parent-provides>
  <default-route><any-service><parent/><any-child/></any-service></default-route>
  <default caps="100" ram="512K"/>${more}${nodes}</config>`;

/** Runs a first init with a timer. */
export const runInit = (nodes: string, frames: number, attributes = ''): InstanceRun =>
  runInstance(
    `<config ${attributes}><parent-provides><service name="LOG"/><service name="ROM"/></parent-provides>
      <default-route><any-service><parent/><any-child/></any-service></default-route>
      <default caps="100" ram="512K"/>
      <start name="timer"><provides><service name="Timer"/></provides></start>${nodes}</config>`,
    frames,
  );

/** What a component of the first init wrote, or one of the nested one. */
export const lines = (run: InstanceRun, who: string): string[] =>
  run.lines.filter(line => line.startsWith(`[init${who}] `)).map(line => line.slice(`[init${who}] `.length));

/** Components that live, by name. */
export const living = ({ state }: InstanceRun): string[] =>
  state.components.filter(({ isAlive }) => isAlive).map(({ name }) => name);
