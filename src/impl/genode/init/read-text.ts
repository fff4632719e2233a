import { parseXmlText } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { InitConfig, InitEra } from './config.ts';
import { readInitConfig } from './read-config.ts';
import { initElement } from './resolve.ts';

/**
 * Reads the text of an init's configuration.
 * @param era era of the init that reads it; told from the text where that is the first of all
 * Errors: no XML, no configuration of init, or the first finding that keeps init from running it, with line and column.
 */
export function readInitText(text: string, era?: InitEra): Result<InitConfig, string> {
  const document = parseXmlText(text);
  if (!document.ok) {
    const { line, column, message } = document.error;
    return err(`line ${line}, column ${column}: ${message}`);
  }
  const element = initElement(document.value.root);
  if (element === undefined) return err(`<${document.value.root.name}> is no configuration of init`);
  const { config, findings } = readInitConfig(element, era);
  const wrong = findings.find(({ severity }) => severity === 'error');
  return wrong === undefined ? ok(config) : err(`line ${wrong.line}, column ${wrong.column}: ${wrong.message}`);
}
