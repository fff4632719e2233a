import { err, ok, type Result } from '../units/result.ts';
import type { Finding } from './finding.ts';
import { lineStarts, positionAt } from './policy-lines.ts';

/** Decodes a policy file as UTF-8 (a byte order mark is accepted and dropped); the error names the first bad byte. */
export function decodeUtf8(bytes: Uint8Array): Result<string, Finding> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return err(encodingFinding(bytes));
  }
}

function encodingFinding(bytes: Uint8Array): Finding {
  const validBytes = longestValidPrefix(bytes);
  const before = new TextDecoder('utf-8').decode(bytes.subarray(0, validBytes));
  const at = positionAt(lineStarts(before), before.length);
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const found = bytes
    .subarray(validBytes, validBytes + 4)
    .reduce((text, byte) => `${text} ${byte.toString(16).padStart(2, '0')}`, '');
  return {
    code: 'XML-ENCODING',
    severity: 'error',
    message: `the file is not UTF-8: byte ${validBytes} starts the invalid sequence${found}`,
    ...at,
    hint: utf16
      ? 'The file starts with a UTF-16 byte order mark; convert it to UTF-8.'
      : 'Convert the file to UTF-8 (for example: iconv -f latin1 -t utf-8).',
  };
}

/** Length of the longest prefix that is UTF-8 up to a character that may still be completed. */
function longestValidPrefix(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.length;
  if (decodes(bytes.subarray(0, invalid))) return completeLength(bytes);
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (decodes(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return completeLength(bytes.subarray(0, valid));
}

/** `bytes.length` minus the bytes of an unfinished character at its end. */
function completeLength(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
  const lead = bytes[end - 1] ?? 0;
  const needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return lead >= 0xc0 && bytes.length - end + 1 < needed ? end - 1 : bytes.length;
}

function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
