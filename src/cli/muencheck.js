#!/usr/bin/env node
// Plain JavaScript: loads the TypeScript loader, then the program.
import process from 'node:process';
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
await main(process.argv.slice(2), new URL('./default-catalogue.ts', import.meta.url).href);
