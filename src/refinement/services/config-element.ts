import { parseXmlText, type XmlElement } from '../../policy/xml.ts';
import { InvariantError } from '../../units/invariant.ts';
import type { Result } from '../../units/result.ts';

/** Root element of a configuration that is part of muencheck itself. */
export function configElement(text: string): XmlElement {
  const document = parseXmlText(text);
  if (!document.ok) throw new InvariantError(document.error.message);
  return document.value.root;
}

/** What was made from such a configuration. */
export function made<T>(result: Result<T, string>): T {
  if (!result.ok) throw new InvariantError(result.error);
  return result.value;
}
