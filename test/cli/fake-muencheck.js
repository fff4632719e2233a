// The real command line with the fake registry.
import process from 'node:process';
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../../src/cli/main.ts');
await main(process.argv.slice(2), new URL('./fake-catalogue.ts', import.meta.url).href);
