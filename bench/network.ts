import { allAnswer, readCommand } from './command-line.ts';
import { measureRow } from './measure.ts';
import { curveTable, portsCurve } from './network-curves.ts';
import { loadNetworkImage } from './network-fixture.ts';
import { networkCurves } from './network-growth.ts';
import { networkRows } from './network-rows.ts';
import type { RowResult } from './report.ts';

const USAGE = `Usage: npm run bench:network -- --engine NAME=unix:///SOCKET [--engine …] [OPTIONS]

Published ports (iperf3, wrk against nginx), the start of containers with many of them, and networks by their number. Engines
by turns; medians, p90, and how the first engine compares with each other one.

  --engine NAME=unix:///SOCKET   an engine; the first is compared with the others
  --rounds N                     runs per row (default 5)
  --rows WORD[,WORD…]            only rows and curves whose name holds a word
  --most ports=N                 containers with 32 ports each, up to N (default 0: no curve)
  --most networks=N              networks, up to N (default 0: no curves)
  --json FILE                    the rows, also there
`;

const command = readCommand(USAGE, { rounds: 5, own: ['most'] });
if (command) {
  const { targets, rounds, wants, report, pairsOf } = command;
  await allAnswer(targets);
  for (const each of targets) await loadNetworkImage(each);
  const results: RowResult[] = [];
  for (const row of networkRows().filter(wants)) results.push(await measureRow(row, targets, rounds));
  const most = pairsOf('most');
  const curves = [
    ...(most.has('ports') ? [await portsCurve(targets, Number(most.get('ports')))] : []),
    ...(most.has('networks') ? await networkCurves(targets, Number(most.get('networks'))) : []),
  ];
  for (const each of targets) each.client.close();
  report(results);
  for (const curve of curves) console.log(`\n${curveTable(curve)}`);
}
