import { StopSignals } from './stop-signals.ts';

// Signals first: loading the rest takes a tenth of a second.
const signals = new StopSignals();
const { runDaemon } = await import('./run-daemon.ts');
await runDaemon(process.argv.slice(2), signals);
