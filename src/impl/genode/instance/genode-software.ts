import { parseXmlText } from '../../../policy/xml.ts';
import { InvariantError } from '../../../units/invariant.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { HostedSoftware } from '../../hosted.ts';
import type { InitConfig } from '../init/config.ts';
import { readInitConfig } from '../init/read-config.ts';
import { initElement } from '../init/resolve.ts';
import type { ProgramOps } from './component.ts';
import { eventLoopSoftware, type LoopState } from './event-loop.ts';
import { genodeInstance } from './instance.ts';
import type { InstanceState } from './state.ts';

function readConfig(text: string): Result<InitConfig, string> {
  const document = parseXmlText(text);
  if (!document.ok) {
    const { line, column, message } = document.error;
    return err(`line ${line}, column ${column}: ${message}`);
  }
  const element = initElement(document.value.root);
  if (element === undefined) return err(`<${document.value.root.name}> is no configuration of init`);
  const { config, findings } = readInitConfig(element);
  const wrong = findings.find(({ severity }) => severity === 'error');
  return wrong === undefined ? ok(config) : err(`line ${wrong.line}, column ${wrong.column}: ${wrong.message}`);
}

/** What is wrong with the configuration of an init, empty if nothing is. */
export function checkInitConfig(text: string): string {
  const read = readConfig(text);
  return read.ok ? '' : read.error;
}

/** A Genode instance as hosted software of a subject; the configuration was checked. */
export function genodeSoftware(text: string, ops: ProgramOps): HostedSoftware<LoopState<InstanceState>> {
  const init = readConfig(text);
  if (!init.ok) throw new InvariantError(init.error);
  return eventLoopSoftware(genodeInstance({ init: init.value, modules: new Map([['config', text]]) }, ops));
}
