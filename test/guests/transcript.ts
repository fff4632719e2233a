/** A guest's transcript by test: the name, and what stands behind it up to the next name. */
export function testsOf(text: string): ReadonlyMap<string, string> {
  const tests = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(': ');
    if (at >= 0) {
      last = line.slice(0, at);
      if (tests.has(last)) throw new Error(`two tests are called '${last}'`);
      tests.set(last, line.slice(at + 2));
    } else if (line === 'end') {
      last = line;
      tests.set(last, '');
    } else if (line !== '') tests.set(last, `${tests.get(last)}\n${line}`);
  }
  return tests;
}

/** Names of tests that end differently. */
export function differences(a: string, b: string): string[] {
  const left = testsOf(a);
  const right = testsOf(b);
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].filter(name => left.get(name) !== right.get(name));
}
