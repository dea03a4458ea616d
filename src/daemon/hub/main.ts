import { StopSignals } from '../stop-signals.ts';

// Signals first: loading the rest takes a tenth of a second.
const signals = new StopSignals();
const { runHub } = await import('./run-hub.ts');
await runHub(process.argv.slice(2), signals);
